import assert from "node:assert/strict";
import { test } from "node:test";
import { classOf, createClassChooser, formatClass, parseClass } from "./traffic-class.ts";

/** Two addresses whose hashes are the same: who may choose an address finds one for any other. */
const SAME_HASH = ["2001:db8:3c75:6b27:756b:1057:ad65:1", "2001:db8:6123:c87d:23c9:628d:790f:1"] as const;

test("two addresses never have one class, also where a node has chosen an address with another's hash", () => {
  const [first, second] = SAME_HASH;
  assert.equal(classOf(first), classOf(second));
  const choose = createClassChooser();
  const classes = [first, second, "203.0.113.7", first, second].map(choose);
  assert.equal(new Set(classes).size, 3);
  assert.deepEqual(classes.slice(0, 2), classes.slice(3));
});

test("an IPv4 address that is the class of another address moves on", () => {
  const [first] = SAME_HASH;
  const choose = createClassChooser();
  const taken = choose(first);
  const same = [24, 16, 8, 0].map((shift) => (taken >>> shift) & 0xff).join(".");
  assert.equal(classOf(same), taken);
  assert.notEqual(choose(same), taken);
});

test("a class is read as it was written, with all digits", () => {
  for (const number of [0, 1, 0xcb007107, 0xffffffff]) assert.equal(parseClass(formatClass(number)), number);
  assert.equal(formatClass(0x0a000001), "0a00:0001");
  assert.equal(parseClass("10.244.3.0"), undefined);
});
