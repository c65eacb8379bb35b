import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { addLine, type GuestReport, newReport } from "./guest-report.ts";
import { KERNELS } from "./kernels.ts";
import { chooseGuests, readPlans, SOME_GUESTS, SUITES, type SuiteName } from "./suites.ts";
import { changeTable } from "../lib/support-document.ts";
import { formatSupportTable, mergeTables, tellDuration } from "./support-table.ts";

function guestOf(suite: SuiteName, ...lines: readonly string[]): GuestReport {
  const report = newReport("5.10", suite);
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
  const facts = ["fact release 5.10.0-46", "fact package 5.10.262-1"];
  const smoke = guestOf("smoke", ...facts, "suite smoke");
  addLine(smoke, "✔ pods talk (3ms)", 70_000);
  addLine(smoke, "guest: end 0", 80_000);
  const surroundings = guestOf("surroundings", ...facts, "suite surroundings");
  addLine(surroundings, "✖ links (3ms)", 0);
  addLine(surroundings, "guest: end 1", 0);
  const figures = guestOf(
    "figures",
    ...facts,
    "suite figures",
    "fact add 12",
    "fact floor 4",
    "fact rss 81.4",
  );
  addLine(figures, "✔ an ADD (3ms)", 60_000);
  addLine(figures, "guest: end 0", 60_000);
  const table = formatSupportTable(
    [
      { kernel: "5.10", guests: [smoke, surroundings, figures, guestOf("no IPv6")] },
      { kernel: "6.1", guests: [] },
    ],
    new Date("2026-11-26"),
  );
  for (const row of [
    "| Linux | 5.10 | 6.1 |\n| --- | --- | --- |",
    "| package | 5.10.262-1 |  |",
    "| smoke | 1 passed in 1.3 min, 2026-11-26 |  |",
    "| surroundings | 1 FAILED |  |",
    "| figures | 1 passed in 1.0 min, 2026-11-26 |  |",
    "| no IPv6 | NO END |  |",
    "| ADD p50 ÷ raw netlink | 3.0 (12.0 ÷ 4.0 ms) |  |",
    "| agent's memory | 81 MB |  |",
  ])
    assert.ok(table.includes(row), `${row} in ${table}`);
});

test("figures of a suite that failed are none", () => {
  const figures = guestOf("figures", "suite figures", "fact add 12", "fact floor 4", "fact rss 81.4");
  addLine(figures, "✖ an ADD (3ms)", 0);
  addLine(figures, "guest: end 1", 0);
  const table = formatSupportTable([{ kernel: "5.10", guests: [figures] }], new Date("2026-11-26"));
  assert.doesNotMatch(table, /3\.0|81 MB/);
});

const DOCUMENT = readFileSync(join(REPOSITORY, "docs", "support.md"), "utf8");

test("docs/support.md says how long all guests take, as its cells do", () => {
  assert.equal(tellDuration(DOCUMENT), DOCUMENT);
  const tell = (...cells: readonly string[]): string =>
    tellDuration(`${cells.join(" | ")}\nAll cells add up to 0\n`);
  const [one, other] = ["3 passed in 1.5 min, 2026-11-26", "2 passed in 30.0 min, 2026-11-26"];
  const all = KERNELS.length * Object.keys(SUITES).length;
  assert.match(
    tell(one, other, "9 passed, 2026-11-26"),
    new RegExp(`^The cells with a time, 2 of ${all}, add up to 32 min, which`, "m"),
  );
  assert.match(
    tell(...Array<string>(all).fill(one)),
    new RegExp(`^All cells add up to ${all * 1.5} min, which`, "m"),
  );
  assert.throws(() => tellDuration(one), /Cannot find/);
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
  // A guest that does not begin tells no package.
  const known = { "5.10": { package: "5.10.1-1", smoke: "3 passed", figures: "1 passed" } };
  assert.deepEqual(merge({ "5.10": { smoke: "NO END" } }, known), {
    "5.10": { package: "5.10.1-1", figures: "1 passed" },
  });
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
  assert.deepEqual(readPlans({}), SOME_GUESTS);
  const environment = { CAUSEWAY_GUESTS: "chosen", CAUSEWAY_KERNELS: "5.10,6.1", CAUSEWAY_SUITES: "no IPv6" };
  assert.deepEqual(readPlans(environment), chooseGuests(["5.10", "6.1"], ["no IPv6"]));
  assert.throws(() => chooseGuests(["4.18"], []), /No kernel "4.18", only 5.10,/);
});
