import { type GuestReport, isGreen, type SuiteReport } from "./guest-report.ts";
import { SUITES, type SuiteName } from "./suites.ts";

const HEAD = [
  "kernel",
  "package",
  "nft",
  "iproute2",
  ...Object.keys(SUITES),
  "ADD p50 ÷ raw netlink",
  "agent's memory",
];

const PACKAGE = HEAD.indexOf("package");

/** What all guests of one kernel have shown. */
export interface KernelResults {
  readonly kernel: string;
  readonly guests: readonly GuestReport[];
}

/**
 * Kernels and suites as a table of Markdown: a row for each kernel. A cell tells how many tests passed, how
 * much CPU that took and when, or how many failed, or nothing where none ran.
 */
export function formatSupportTable(kernels: readonly KernelResults[], date: Date): string {
  const rows = kernels.map((results) => row(cellsOf(results, date)));
  return [row(HEAD), row(HEAD.map(() => "---")), ...rows].join("\n");
}

/**
 * The row of a kernel that the document keeps, from that of a run and the one that it has. Of suites that
 * have not run now it keeps what is there, unless that was with another package of the kernel; of those that
 * failed it keeps nothing.
 */
export function mergeRows(latest: string, known: string | undefined): string {
  const [cells, old] = [cellsIn(latest), cellsIn(known ?? "")];
  const isSamePackage = cells[PACKAGE] === old[PACKAGE];
  const merged = cells.map((cell, index) => (cell === "" && isSamePackage ? (old[index] ?? "") : cell));
  return row(merged.map((cell) => (/FAILED|NO END/.test(cell) ? "" : cell)));
}

const TOGETHER = /^The cells add up to .*$/m;

/**
 * The document with its line about how long all guests take, from the times in its cells. Throws when it has
 * no such line.
 */
export function tellDuration(text: string): string {
  if (!TOGETHER.test(text)) throw new Error(`Cannot find "${TOGETHER.source}"`);
  const times = [...text.matchAll(/ passed in ([\d.]+) min,/g)].map(([, minutes]) => Number(minutes));
  const sum = times.reduce((total, minutes) => total + minutes, 0);
  const words = `${sum.toFixed(0)} min: two guests at once take some ${(sum / 2).toFixed(0)} min for all of them.`;
  return text.replace(TOGETHER, `The cells add up to ${words}`);
}

function cellsIn(text: string): readonly string[] {
  return text
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function cellsOf({ kernel, guests }: KernelResults, date: Date): readonly string[] {
  const facts = new Map(guests.flatMap((guest) => [...guest.facts]));
  const suites = new Map(guests.flatMap((guest) => [...guest.suites]));
  const fact = (name: string): string => facts.get(name) ?? "";
  const [add, floor] = [Number(facts.get("add")), Number(facts.get("floor"))];
  return [
    kernel,
    fact("package"),
    fact("nft"),
    fact("iproute2"),
    ...(Object.keys(SUITES) as readonly SuiteName[]).map((name) => suiteCell(suites.get(name), date)),
    Number.isNaN(add) ? "" : `${(add / floor).toFixed(1)} (${add.toFixed(1)} ÷ ${floor.toFixed(1)} ms)`,
    facts.has("rss") ? `${Math.round(Number(facts.get("rss")))} MB` : "",
  ];
}

function suiteCell(suite: SuiteReport | undefined, date: Date): string {
  if (suite === undefined) return "";
  const took = `in ${(suite.tookMs / 60_000).toFixed(1)} min`;
  if (isGreen(suite)) return `${suite.passed.size} passed ${took}, ${date.toISOString().slice(0, 10)}`;
  return suite.exitCode === undefined ? "NO END" : `${suite.failed.size} FAILED`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
