import assert from "node:assert/strict";
import { test } from "node:test";
import { inTurn, slice } from "./turns.ts";

for (const count of [1, 2, 4, 6, 17]) {
  const items = Array.from({ length: count }, (_, index) => index);

  test(`inTurn() gives each of ${count} one turn in every round`, () => {
    for (const round of items)
      assert.deepEqual(
        inTurn(items, round).toSorted((a, b) => a - b),
        items,
      );
  });
}

test("inTurn() lets each of an even number follow every other once", () => {
  const items = [0, 1, 2, 3, 4, 5];
  const pairs = items.flatMap((round) => {
    const order = inTurn(items, round);
    return order.slice(1).map((item, index) => `${order[index]} before ${item}`);
  });
  assert.equal(new Set(pairs).size, 6 * 5);
});

test("inTurn() lets none of an odd number always follow the same", () => {
  const items = [0, 1, 2, 3, 4];
  const before = items.map((round) => inTurn(items, round)).map((order) => order[order.indexOf(3) - 1]);
  assert.ok(new Set(before).size >= 3);
});

test("slice() deals out everything once", () => {
  const parts = [0, 1, 2].map((part) => slice(10, part, 3));
  assert.deepEqual(parts, [
    [0, 1, 2],
    [3, 4, 5],
    [6, 7, 8, 9],
  ]);
});
