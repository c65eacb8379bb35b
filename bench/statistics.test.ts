import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { median, ratioOf, summarize } from "./statistics.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

const summaries = [
  {
    name: "a single value is all there is",
    values: [7],
    want: { count: 1, median: 7, p90: undefined, p99: undefined, min: 7, max: 7 },
  },
  {
    name: "an even count has its median between two values",
    values: [4, 1, 3, 2],
    want: { count: 4, median: 2.5, p90: undefined, p99: undefined, min: 1, max: 4 },
  },
  {
    name: "numbers are not ordered as text",
    values: [10, 9, 100],
    want: { count: 3, median: 10, p90: undefined, p99: undefined, min: 9, max: 100 },
  },
  {
    name: "nine values have no 90th percentile",
    values: upTo(9),
    want: { count: 9, median: 5, p90: undefined, p99: undefined, min: 1, max: 9 },
  },
  {
    name: "ten values have a 90th percentile, by nearest rank",
    values: upTo(10),
    want: { count: 10, median: 5.5, p90: 9, p99: undefined, min: 1, max: 10 },
  },
  {
    name: "a hundred values have a 99th percentile",
    values: upTo(100).toReversed(),
    want: { count: 100, median: 50.5, p90: 90, p99: 99, min: 1, max: 100 },
  },
  {
    name: "a percentile between ranks takes the higher one",
    values: upTo(101),
    want: { count: 101, median: 51, p90: 91, p99: 100, min: 1, max: 101 },
  },
];

for (const { name, values, want } of summaries) {
  test(`summarize(): ${name}`, () => assert.deepEqual(summarize(values), want));
}

test("summarize() leaves its input as it is", () => {
  const values = [3, 1, 2];
  summarize(values);
  assert.deepEqual(values, [3, 1, 2]);
});

test("summarize() refuses to say something of nothing", () => {
  assert.throws(() => summarize([]), /^RangeError: Cannot summarize nothing/);
});

test("summarize() keeps its values in order, each of them measured or between two that were", () => {
  const measured = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 100, maxLength: 300 });
  fc.assert(
    fc.property(measured, (values) => {
      const { min, median: middle, p90, p99, max } = summarize(values);
      assert.ok(p90 !== undefined && p99 !== undefined);
      assert.deepEqual(
        [min, middle, p90, p99, max],
        [min, middle, p90, p99, max].toSorted((a, b) => a - b),
      );
      assert.ok(values.includes(p90) && values.includes(p99));
      assert.ok(values.filter((value) => value <= p90).length >= values.length * 0.9);
    }),
  );
});

test("ratioOf() divides the medians of all, and shows the rounds that differ most", () => {
  const rounds = [
    [2, 2, 2],
    [6, 6, 9],
  ];
  const baseline = [
    [1, 1, 1],
    [2, 2, 2],
  ];
  assert.deepEqual(ratioOf(rounds, baseline), { ratio: 4 / 1.5, low: 2, high: 3 });
});

test("ratioOf() of a machine that slows down in the middle stays the same", () => {
  const { low, high } = ratioOf([[3], [30], [3]], [[1], [10], [1]]);
  assert.deepEqual({ low, high }, { low: 3, high: 3 });
});

test("ratioOf() leaves out rounds in which only one was measured", () => {
  assert.deepEqual(ratioOf([[2], [], [8]], [[1], [100]]), { ratio: 2, low: 2, high: 2 });
});

test("ratioOf() refuses what was never measured together", () => {
  assert.throws(() => ratioOf([[1], []], [[], [2]]), /^RangeError: Cannot compare: no round/);
});

test("median() of one round with an outlier ignores it", () => {
  assert.equal(median([1, 1, 1, 1, 5000]), 1);
});
