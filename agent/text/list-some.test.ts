import assert from "node:assert/strict";
import { test } from "node:test";
import { listSome } from "./list-some.ts";

test("listSome() names as many as it may, and counts the others", () => {
  assert.equal(listSome([], { max: 2 }), "");
  assert.equal(listSome(["a", "b"], { max: 2 }), "a, b");
  assert.equal(listSome(["a", "b", "c"], { max: 2 }), "a, b, and 1 more");
  assert.equal(listSome(["a", "b", "c"], { max: 1, separator: "; " }), "a; and 2 more");
});
