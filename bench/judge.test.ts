import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./judge.ts";
import { showVerdicts } from "./run-bench.ts";

const hundred = Array.from({ length: 100 }, (_, index) => (index < 97 ? 2 : 9));
const rows = [
  {
    name: "ADD, one by one",
    ours: "causeway",
    measurements: [
      { id: "floor", name: "raw netlink in C", rounds: [[1]] },
      { id: "causeway", name: "Causeway", rounds: [hundred] },
      { id: "reference", name: "bridge", rounds: [[20]] },
    ],
  },
];

const tolerating = (atMost: number) => ({ exception: { atMost, why: "it is so" } });

const budgets = [
  { name: "is met at its bound", of: "floor", atMost: 2, outcome: "met" },
  { name: "is missed beyond its bound", of: "floor", atMost: 1.99, outcome: "missed" },
  { name: "is excepted within its exception", of: "floor", atMost: 1, ...tolerating(2), outcome: "excepted" },
  { name: "is missed beyond its exception", of: "floor", atMost: 1, ...tolerating(1.99), outcome: "missed" },
  { name: "is met although excepted", of: "floor", atMost: 2, ...tolerating(3), outcome: "met" },
  { name: "may be a fraction, met", of: "reference", atMost: 1 / 10, outcome: "met" },
  { name: "may be a fraction, missed", of: "reference", atMost: 1 / 11, outcome: "missed" },
  { name: "of a percentile is met", of: "causeway", statistic: "p99", atMost: 4.5, outcome: "met" },
  { name: "of a percentile is missed", of: "causeway", statistic: "p99", atMost: 4, outcome: "missed" },
] as const;

for (const { name, outcome, ...budget } of budgets) {
  test(`judge(): a budget ${name}`, () => {
    const [verdict] = judge(rows, [{ row: "ADD, one by one", program: "causeway", ...budget }]);
    assert.equal(verdict?.outcome, outcome);
  });
}

test("judge() compares the rounds that both have", () => {
  const measurements = [
    { id: "slow", name: "bridge", rounds: [[20]] },
    { id: "causeway", name: "Causeway", rounds: [[1], [50], [50]] },
  ];
  const row = { name: "ADD", ours: "causeway", measurements };
  const [verdict] = judge([row], [{ row: "ADD", program: "causeway", of: "slow", atMost: 1 / 20 }]);
  assert.equal(verdict?.outcome, "met");
});

test("judge() calls missed what no round keeps, and only that: what else the machine does spoils some", () => {
  const outcomeOf = (rounds: number[][]): string | undefined => {
    const measurements = [
      { id: "floor", name: "raw", rounds: [[1], [1], [1]] },
      { id: "causeway", name: "Causeway", rounds },
    ];
    const row = { name: "ADD", ours: "causeway", measurements };
    return judge([row], [{ row: "ADD", program: "causeway", of: "floor", atMost: 2 }])[0]?.outcome;
  };
  assert.equal(outcomeOf([[9], [9], [2]]), "unsure");
  assert.equal(outcomeOf([[9], [9], [2.1]]), "missed");
});

test("showVerdicts() fails a gate for a missed budget: it said missed, and exited with 0", () => {
  const verdict = (outcome: "met" | "excepted" | "unsure" | "missed") => ({ text: outcome, outcome });
  assert.equal(showVerdicts([verdict("met"), verdict("missed")], true), 1);
  assert.equal(showVerdicts([verdict("missed")], false), 0);
  assert.equal(showVerdicts([verdict("met"), verdict("excepted"), verdict("unsure")], true), 0);
});

test("judge() refuses a budget for something that was not measured", () => {
  const budget = { row: "CHECK", program: "causeway", of: "floor", atMost: 2 };
  assert.throws(() => judge(rows, [budget]), /^RangeError: Cannot judge "CHECK"/);
});

test("judge() refuses a percentile of too few values", () => {
  const budget = { program: "floor", of: "floor", atMost: 2, statistic: "p99" } as const;
  assert.throws(() => judge(rows, [{ row: "ADD, one by one", ...budget }]), /too few values$/);
});

test("judge() says what was compared with what", () => {
  const common = { row: "ADD, one by one", program: "causeway" };
  const verdicts = judge(rows, [
    { ...common, of: "reference", atMost: 1 / 11 },
    { ...common, of: "causeway", statistic: "p99", atMost: 5 },
    { ...common, of: "floor", atMost: 1, ...tolerating(3) },
  ]);
  assert.deepEqual(
    verdicts.map(({ text }) => text),
    [
      "missed   ADD, one by one: Causeway is 1/10.0 × bridge, budget 1/11.0",
      "met      ADD, one by one: Causeway's p99 is 4.50 × Causeway, budget 5.00",
      "excepted ADD, one by one: Causeway is 2.00 × raw netlink in C, budget 1.00; excepted up to 3.00: it is so",
    ],
  );
});
