import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFigures } from "./figures.ts";

test("formatFigures() tells which absolute budgets are met", () => {
  const want = `
         value                  budget
--------------------------------------
RSS    75.0 MB      met: at most 75 MB
start   601 ms  missed: at most 600 ms
size   33.9 KB`;
  const figures = formatFigures([
    { name: "RSS", value: 75, unit: "MB", atMost: 75 },
    { name: "start", value: 601, unit: "ms", atMost: 600 },
    { name: "size", value: 33.9, unit: "KB" },
  ]);
  assert.equal(`\n${figures}`, want);
});
