import assert from "node:assert/strict";
import { test } from "node:test";
import { summarizeRows } from "../table.ts";
import { formatRates } from "./table.ts";

test("formatRates() shows times as rates, and how much of the others' Causeway gives", () => {
  const rows = summarizeRows([
    {
      name: "same node, thousands a second",
      ours: "causeway",
      measurements: [
        { id: "raw", name: "raw veth", rounds: [[10_000], [10_000], [8000]] },
        { id: "causeway", name: "Causeway", rounds: [[20_000], [25_000], [20_000]] },
      ],
    },
  ]);
  const want = `
                               median  lowest – highest  of the first line (rounds)  Causeway is, of it (rounds)
----------------------------------------------------------------------------------------------------------------
same node, thousands a second
  raw veth                        100         100 – 125            1.00 (1.00–1.00)             0.50 (0.40–0.50)
  Causeway                       50.0       40.0 – 50.0            0.50 (0.40–0.50)             1.00 (1.00–1.00)`;
  assert.equal(`\n${formatRates(rows, (ns) => 1e6 / ns)}`, want);
});
