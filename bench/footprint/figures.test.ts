import assert from "node:assert/strict";
import { test } from "node:test";
import { type Figure, formatFigures, judgeFigures } from "./figures.ts";

const FIGURES: readonly Figure[] = [
  { name: "RSS", value: 75, unit: "MB", atMost: 75 },
  { name: "CPU", value: 0.51, unit: "%", atMost: 0.5 },
  { name: "start", value: 601, unit: "ms", atMost: 600 },
  { name: "size", value: 33.9, unit: "KB" },
];

test("formatFigures() gives each in its unit", () => {
  const want = `
         value
--------------
RSS    75.0 MB
CPU     0.51 %
start   601 ms
size   33.9 KB`;
  assert.equal(`\n${formatFigures(FIGURES)}`, want);
});

test("judgeFigures() misses what is beyond its budget, but a time, which other work of the machine makes longer", () => {
  assert.deepEqual(
    judgeFigures(FIGURES).map(({ text }) => text),
    [
      "met      RSS: 75.0 MB, budget 75",
      "missed   CPU: 0.51 %, budget 0.5",
      "unsure   start: 601 ms, budget 600",
    ],
  );
});
