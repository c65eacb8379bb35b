import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { addLine, type GuestReport, newReport } from "./guest-report.ts";
import { KERNELS } from "./kernels.ts";
import { SUITES } from "./suites.ts";
import { updateTable } from "../lib/support-document.ts";
import { formatSupportTable } from "./support-table.ts";

function guestOf(...lines: readonly string[]): GuestReport {
  const report = newReport();
  for (const line of lines) addLine(report, `guest: ${line}`);
  return report;
}

test("the table tells what passed, what failed, what did not come to its end, and figures as ratios", () => {
  const facts = [
    "fact release 5.10.0-46",
    "fact package 5.10.262-1",
    "fact add 12",
    "fact floor 4",
    "fact rss 81.4",
  ];
  const first = guestOf(...facts, "suite smoke");
  addLine(first, "✔ pods talk (3ms)");
  addLine(first, "guest: end 0");
  const second = guestOf("suite figures");
  addLine(second, "✖ links (3ms)");
  addLine(second, "guest: end 1");
  const [, , row = ""] = formatSupportTable(
    [{ kernel: "5.10", guests: [first, second, guestOf("suite no IPv6")] }],
    new Date("2026-11-26"),
  ).split("\n");
  for (const cell of [
    "5.10",
    "5.10.262-1",
    "2026-11-26",
    "1 passed",
    "1 FAILED",
    "NO END",
    "3.0 (12.0 ÷ 4.0 ms)",
    "81 MB",
  ])
    assert.ok(row.includes(`| ${cell} |`), `${cell} in ${row}`);
});

test("docs/support.md has no suite that is not green", () => {
  const text = readFileSync(join(REPOSITORY, "docs", "support.md"), "utf8");
  const rows = text.split("\n").filter((line) => /^\| (?:\d|newest)/.test(line));
  assert.ok(rows.length > 0);
  const columns = 5 + Object.keys(SUITES).length + 2;
  for (const row of rows) {
    const cells = row.split("|").slice(1, -1);
    assert.equal(cells.length, columns, row);
    assert.doesNotMatch(row, /FAILED|NO END|NaN|undefined/);
    assert.ok((KERNELS as readonly string[]).includes(cells[0]?.trim() ?? ""), row);
  }
});

test("a row takes the place of the one of its kernel, and those of others stay", () => {
  const head = "| kernel | smoke |\n| --- | --- |\n";
  const text = `a\n<!-- kernels: begin -->\n\n${head}| 5.10 | old |\n| 6.1 | kept |\n\n<!-- kernels: end -->\nb\n`;
  const written = updateTable(text, `${head}| 5.10 | new |\n| 6.12 | more |`);
  const rows = "| 5.10 | new |\n| 6.1 | kept |\n| 6.12 | more |";
  assert.equal(written, `a\n<!-- kernels: begin -->\n\n${head}${rows}\n\n<!-- kernels: end -->\nb\n`);
});
