import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHART_README, writeChartReadme } from "./chart-readme.ts";

test("the chart's README has the values of today; else run: npm run docs", () => {
  const text = readFileSync(CHART_README, "utf8");
  assert.equal(text, writeChartReadme());
  for (const value of ["image.repository", "config.overlay", "config.policy.enabled"])
    assert.ok(text.includes(`| \`${value}\` |`), value);
});
