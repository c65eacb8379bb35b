import assert from "node:assert/strict";
import { test } from "node:test";
import { querySocket } from "./query.ts";

test("querySocket() of the longest socket that the configuration allows can still be bound", () => {
  // sun_path of linux/un.h has 108 bytes with the final NUL.
  assert.equal(querySocket("s".repeat(101)).length, 107);
});
