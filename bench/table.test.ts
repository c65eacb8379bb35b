import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTable, summarizeRows } from "./table.ts";

const rows = summarizeRows(
  [
    {
      name: "ADD, one by one",
      measurements: [
        { id: "floor", name: "raw netlink in C", roundsMs: [[1, 1], [0.5]] },
        { id: "causeway", name: "Causeway", roundsMs: [[2, 2], [1.5]] },
        { id: "reference", name: "bridge", roundsMs: [[20, 20], [30]] },
      ],
    },
  ],
  "causeway",
);

test("formatTable() shows what was measured, against the first line and against Causeway", () => {
  const want = `
                    median  p90  p99    min – max  × baseline (rounds)  × Causeway (rounds)
-------------------------------------------------------------------------------------------
ADD, one by one
  raw netlink in C    1.00    -    -  0.50 – 1.00     1.00 (1.00–1.00)     0.50 (0.33–0.50)
  Causeway            2.00    -    -  1.50 – 2.00     2.00 (2.00–3.00)     1.00 (1.00–1.00)
  bridge              20.0    -    -  20.0 – 30.0     20.0 (20.0–60.0)     10.0 (10.0–20.0)`;
  assert.equal(`\n${formatTable(rows)}`, want);
});

test("summarizeRows() refuses a row that Causeway is not in", () => {
  const row = { name: "ADD", measurements: [{ id: "floor", name: "raw", roundsMs: [[1]] }] };
  assert.throws(() => summarizeRows([row], "causeway"), /^RangeError: Cannot compare "ADD"$/);
});
