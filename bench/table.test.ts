import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTable, summarizeRows } from "./table.ts";

const rows = summarizeRows([
  {
    name: "ADD, one by one",
    ours: "causeway",
    measurements: [
      { id: "floor", name: "raw netlink in C", rounds: [[1, 1], [0.5]] },
      { id: "causeway", name: "Causeway", rounds: [[2, 2], [1.5]] },
      { id: "reference", name: "bridge", rounds: [[20, 20], [30]] },
    ],
  },
]);

test("formatTable() shows what was measured, against the first line and against Causeway", () => {
  const want = `
                    n  median  p90  p99    min – max  × baseline (rounds)  × Causeway (rounds)
----------------------------------------------------------------------------------------------
ADD, one by one
  raw netlink in C  3    1.00    -    -  0.50 – 1.00     1.00 (1.00–1.00)     0.50 (0.33–0.50)
  Causeway          3    2.00    -    -  1.50 – 2.00     2.00 (2.00–3.00)     1.00 (1.00–1.00)
  bridge            3    20.0    -    -  20.0 – 30.0     20.0 (20.0–60.0)     10.0 (10.0–20.0)`;
  assert.equal(`\n${formatTable(rows)}`, want);
});

test("summarizeRows() refuses a row that Causeway is not in", () => {
  const measurements = [{ id: "floor", name: "raw", rounds: [[1]] }];
  assert.throws(
    () => summarizeRows([{ name: "ADD", ours: "causeway", measurements }]),
    /^RangeError: Cannot compare "ADD"$/,
  );
});
