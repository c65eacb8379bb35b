import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./budgets.ts";
import { summarizeRows } from "./table.ts";

const measurements = [
  { id: "floor", name: "raw netlink in C", roundsMs: [[1]] },
  { id: "causeway", name: "Causeway", roundsMs: [[2]] },
  { id: "reference", name: "bridge", roundsMs: [[20]] },
];
const rows = summarizeRows([{ name: "ADD, one by one", measurements }], "causeway");

const budgets = [
  { name: "is met at its bound", of: "floor", atMost: 2, isMet: true },
  { name: "is missed beyond its bound", of: "floor", atMost: 1.99, isMet: false },
  { name: "may be a fraction, met", of: "reference", atMost: 1 / 10, isMet: true },
  { name: "may be a fraction, missed", of: "reference", atMost: 1 / 11, isMet: false },
];

for (const { name, of, atMost, isMet } of budgets) {
  test(`judge(): a budget ${name}`, () => {
    const [verdict] = judge(rows, [{ row: "ADD", program: "causeway", of, atMost }]);
    assert.equal(verdict?.isMet, isMet);
  });
}

test("judge() refuses a budget for something that was not measured", () => {
  const budget = { row: "CHECK", program: "causeway", of: "floor", atMost: 2 };
  assert.throws(() => judge(rows, [budget]), /^RangeError: Cannot judge "CHECK"/);
});

test("judge() says what was compared with what", () => {
  const [verdict] = judge(rows, [{ row: "ADD", program: "causeway", of: "reference", atMost: 1 / 15 }]);
  assert.equal(verdict?.text, "missed ADD, one by one: Causeway takes 1/10.0 × bridge, budget 1/15.0");
});
