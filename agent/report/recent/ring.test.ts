import assert from "node:assert/strict";
import { test } from "node:test";
import { createRing } from "./ring.ts";

test("createRing() gives nothing, then all, then the last few, the newest first", () => {
  const ring = createRing<number>(3);
  assert.deepEqual(ring.list(), []);
  ring.push(1);
  ring.push(2);
  assert.deepEqual(ring.list(), [2, 1]);
  for (const number of [3, 4, 5]) ring.push(number);
  assert.deepEqual(ring.list(), [5, 4, 3]);
  ring.push(6);
  assert.deepEqual(ring.list(), [6, 5, 4]);
});
