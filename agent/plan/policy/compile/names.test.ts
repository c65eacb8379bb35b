import assert from "node:assert/strict";
import { test } from "node:test";
import { createNames } from "./names.ts";

test("hash of names collides, and one pod's policy is applied to another's (aws PR#576): nameOf() gives no name to two contents", () => {
  const sameBeginning = "0123456789abcdef";
  const names = createNames((content) => `${sameBeginning}${content}`);
  const name = names.nameOf("in4", "one");
  const other = names.nameOf("in4", "other");
  assert.equal(name, "in4-0123456789abcdef");
  assert.notEqual(other, name);
  assert.deepEqual([names.nameOf("in4", "one"), names.nameOf("in4", "other")], [name, other]);
  names.forget(name);
  assert.equal(names.nameOf("in4", "third"), name);
});
