import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { addLine, type GuestReport, newReport } from "./guest-report.ts";
import { KERNELS } from "./kernels.ts";
import { chooseGuests, SUITES } from "./suites.ts";
import { updateTable } from "../lib/support-document.ts";
import { formatSupportTable, mergeRows, tellDuration } from "./support-table.ts";

function guestOf(...lines: readonly string[]): GuestReport {
  const report = newReport();
  for (const line of lines) addLine(report, `guest: ${line}`, 0);
  return report;
}

test("the table tells what passed in how much time, what failed, what did not come to its end, and figures as ratios", () => {
  const facts = [
    "fact release 5.10.0-46",
    "fact package 5.10.262-1",
    "fact add 12",
    "fact floor 4",
    "fact rss 81.4",
  ];
  const first = guestOf(...facts, "suite smoke");
  addLine(first, "✔ pods talk (3ms)", 70_000);
  addLine(first, "guest: end 0", 80_000);
  const second = guestOf("suite figures");
  addLine(second, "✖ links (3ms)", 0);
  addLine(second, "guest: end 1", 0);
  const [, , row = ""] = formatSupportTable(
    [{ kernel: "5.10", guests: [first, second, guestOf("suite no IPv6")] }],
    new Date("2026-11-26"),
  ).split("\n");
  for (const cell of [
    "5.10",
    "5.10.262-1",
    "1 passed in 1.3 min, 2026-11-26",
    "1 FAILED",
    "NO END",
    "3.0 (12.0 ÷ 4.0 ms)",
    "81 MB",
  ])
    assert.ok(row.includes(`| ${cell} |`), `${cell} in ${row}`);
});

const DOCUMENT = readFileSync(join(REPOSITORY, "docs", "support.md"), "utf8");

test("docs/support.md says how long all guests take, as its cells do", () => {
  assert.equal(tellDuration(DOCUMENT), DOCUMENT);
  const cells = "| 3 passed in 1.3 min, 2026-11-26 | 2 passed in 30.0 min, 2026-11-26 |  |";
  const told = tellDuration(`${cells}\nThe cells add up to nothing.\n`);
  assert.match(told, /^The cells add up to 31 min: two guests at once take some 16 min for all of them\.$/m);
  assert.throws(() => tellDuration(cells), /Cannot find/);
});

test("docs/support.md has no suite that is not green", () => {
  const rows = DOCUMENT.split("\n").filter((line) => /^\| (?:\d|newest)/.test(line));
  assert.ok(rows.length > 0);
  const columns = 4 + Object.keys(SUITES).length + 2;
  for (const row of rows) {
    const cells = row.split("|").slice(1, -1);
    assert.equal(cells.length, columns, row);
    assert.doesNotMatch(row, /FAILED|NO END|NaN|undefined/);
    assert.ok((KERNELS as readonly string[]).includes(cells[0]?.trim() ?? ""), row);
  }
});

test("a run fills the cells of its suites, and takes none away but of what fails now", () => {
  const [head, line] = ["| kernel | package | smoke | figures |", "| --- | --- | --- | --- |"];
  const write = (known: readonly string[], ...rows: readonly string[]): readonly string[] => {
    const text = ["<!-- kernels: begin -->", head, line, ...known, "<!-- kernels: end -->", ""].join("\n");
    const written = updateTable(text, [head, line, ...rows].join("\n"), "kernels", mergeRows);
    return written.split("\n").slice(4, -3);
  };
  const [oldest, other] = ["| 5.10 | 5.10.1-1 | 3 passed |  |", "| 6.1 | 6.1.1-1 | 3 passed | 1 passed |"];
  assert.deepEqual(write([oldest, other], "| 5.10 | 5.10.1-1 |  | 1 passed |"), [
    "| 5.10 | 5.10.1-1 | 3 passed | 1 passed |",
    other,
  ]);
  assert.deepEqual(write([oldest], "| 5.10 | 5.10.2-1 |  | 1 passed |"), [
    "| 5.10 | 5.10.2-1 |  | 1 passed |",
  ]);
  assert.deepEqual(write([oldest], "| 5.10 | 5.10.1-1 | 2 FAILED | NO END |"), ["| 5.10 | 5.10.1-1 |  |  |"]);
  assert.deepEqual(write([oldest], other), [oldest, other]);
});

test("guests run the suites that are asked for on the kernels that are asked for", () => {
  const names = (kernels: readonly string[], suites: readonly string[]): readonly string[] =>
    chooseGuests(kernels, suites).map((guest) => `${guest.kernels.join(" and ")}: ${guest.suite}`);
  assert.deepEqual(names(["6.1"], ["figures", "no IPv6"]), ["6.1: figures", "6.1: no IPv6"]);
  assert.deepEqual(
    names([], ["surroundings"]),
    KERNELS.map((name) => `${name}: surroundings`),
  );
  assert.deepEqual(names(["6.12"], ["two kernels"]), ["6.1 and 6.12: two kernels"]);
  const all = chooseGuests([], []).flatMap(({ kernels, suite }) =>
    kernels.map((kernel) => `${kernel} ${suite}`),
  );
  assert.equal(new Set(all).size, KERNELS.length * Object.keys(SUITES).length);
  assert.throws(() => chooseGuests(["4.18"], []), /No kernel "4.18", only 5.10,/);
});
