import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { addLine, type GuestReport, newReport } from "./guest-report.ts";
import { KERNELS } from "./kernels.ts";
import { chooseGuests, SUITES } from "./suites.ts";
import { changeTable } from "../lib/support-document.ts";
import { formatSupportTable, mergeTables, tellDuration } from "./support-table.ts";

function guestOf(...lines: readonly string[]): GuestReport {
  const report = newReport();
  for (const line of lines) addLine(report, `guest: ${line}`, 0);
  return report;
}

/** By kernel, then by row. */
type Cells = Readonly<Record<string, Readonly<Record<string, string>>>>;

function format(cells: Cells): string {
  const kernels = Object.keys(cells);
  const names = [...new Set(Object.values(cells).flatMap((column) => Object.keys(column)))];
  const rows = names.map((name) => [name].concat(kernels.map((kernel) => cells[kernel]?.[name] ?? "")));
  return [["Linux", ...kernels], kernels.map(() => "---"), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

/** Without empty cells. */
function parse(table: string): Cells {
  const [head = [], , ...rows] = table.split("\n").map((row) => row.slice(2, -2).split(" | "));
  const columnAt = (index: number): Record<string, string> =>
    Object.fromEntries(rows.map((row) => [row[0] ?? "", row[index] ?? ""]).filter(([, cell]) => cell !== ""));
  return Object.fromEntries(head.slice(1).map((kernel, index) => [kernel, columnAt(index + 1)]));
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
  const table = formatSupportTable(
    [
      { kernel: "5.10", guests: [first, second, guestOf("suite no IPv6")] },
      { kernel: "6.1", guests: [] },
    ],
    new Date("2026-11-26"),
  );
  for (const row of [
    "| Linux | 5.10 | 6.1 |\n| --- | --- | --- |",
    "| package | 5.10.262-1 |  |",
    "| smoke | 1 passed in 1.3 min, 2026-11-26 |  |",
    "| figures | 1 FAILED |  |",
    "| no IPv6 | NO END |  |",
    "| ADD p50 ÷ raw netlink | 3.0 (12.0 ÷ 4.0 ms) |  |",
    "| agent's memory | 81 MB |  |",
  ])
    assert.ok(table.includes(row), `${row} in ${table}`);
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
  changeTable(DOCUMENT, "kernels", (table) => {
    const [head = "", , ...rows] = table.split("\n");
    assert.equal(head, `| Linux | ${KERNELS.join(" | ")} |`);
    assert.equal(rows.length, 3 + Object.keys(SUITES).length + 2);
    assert.doesNotMatch(table, /FAILED|NO END|NaN|undefined/);
    return table;
  });
});

test("a run fills the cells of its suites, and takes none away but of what fails now", () => {
  const merge = (latest: Cells, known: Cells): Cells => parse(mergeTables(format(latest), format(known)));
  const [oldest, other] = [
    { "5.10": { package: "5.10.1-1", smoke: "3 passed" } },
    { "6.1": { package: "6.1.1-1", smoke: "3 passed", figures: "1 passed" } },
  ];
  const figures = { package: "5.10.1-1", figures: "1 passed" };
  assert.deepEqual(merge({ "5.10": figures }, { ...oldest, ...other }), {
    "5.10": { ...figures, smoke: "3 passed" },
    ...other,
  });
  const later = { "5.10": { package: "5.10.2-1", figures: "1 passed" } };
  assert.deepEqual(merge(later, oldest), later);
  const failed = { "5.10": { package: "5.10.1-1", smoke: "2 FAILED", figures: "NO END" } };
  assert.deepEqual(merge(failed, oldest), { "5.10": { package: "5.10.1-1" } });
  assert.deepEqual(merge(other, oldest), { ...oldest, ...other });
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
