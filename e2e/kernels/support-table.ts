import { type GuestReport, isGreen } from "./guest-report.ts";
import { KERNELS } from "./kernels.ts";
import { chooseGuests, SUITES } from "./suites.ts";

const ADD = "ADD p50 ÷ raw netlink";
const MEMORY = "agent's memory";

const ROWS = ["package", "nft", "iproute2", ...Object.keys(SUITES), ADD, MEMORY];

/** Of one kernel, by row. */
type Column = ReadonlyMap<string, string>;

/** What all guests of one kernel have shown. */
export interface KernelResults {
  readonly kernel: string;
  readonly guests: readonly GuestReport[];
}

/**
 * Kernels and suites as a table of Markdown: a column for each kernel. A cell tells how many tests passed,
 * how much CPU that took and when, or how many failed, or nothing where none ran.
 */
export function formatSupportTable(kernels: readonly KernelResults[], date: Date): string {
  return formatTable(new Map(kernels.map((results) => [results.kernel, columnOf(results, date)])));
}

/**
 * The table that the document keeps, from that of a run and the one that it has. Of suites that have not run
 * now it keeps what is there, unless that was with another package of the kernel; of those that failed it
 * keeps nothing. A guest that has not begun does not tell its kernel's package.
 */
export function mergeTables(latest: string, known: string): string {
  const [now, before] = [parseTable(latest), parseTable(known)];
  const kernels = KERNELS.filter((name) => now.has(name) || before.has(name));
  return formatTable(new Map(kernels.map((name) => [name, mergeColumn(now.get(name), before.get(name))])));
}

function mergeColumn(latest: Column | undefined, known: Column = new Map()): Column {
  if (latest === undefined) return known;
  const isSamePackage = ["", known.get("package")].includes(latest.get("package") ?? "");
  const merged = ROWS.map((name) => {
    const cell = latest.get(name) ?? "";
    return [name, cell === "" && isSamePackage ? (known.get(name) ?? "") : cell] as const;
  });
  return new Map(merged.map(([name, cell]) => [name, /FAILED|NO END/.test(cell) ? "" : cell]));
}

const TOGETHER = /^.*\bcells? .*\badd up to .*$/m;

/**
 * The document with its line about how long all guests take, from the times in its cells. Throws when it has
 * no such line.
 */
export function tellDuration(text: string): string {
  if (!TOGETHER.test(text)) throw new Error(`Cannot find "${TOGETHER.source}"`);
  const times = [...text.matchAll(/ passed in ([\d.]+) min,/g)].map(([, minutes]) => Number(minutes));
  const sum = times.reduce((total, minutes) => total + minutes, 0);
  const all = chooseGuests([], []).flatMap(({ kernels }) => kernels).length;
  const which = times.length === all ? "All cells" : `The cells with a time, ${times.length} of ${all},`;
  const words = `${which} add up to ${sum.toFixed(0)} min, which two guests at once take half of.`;
  return text.replace(TOGETHER, words);
}

function parseTable(text: string): ReadonlyMap<string, Column> {
  const [head = [], , ...rows] = text.split("\n").map(cellsIn);
  const columnAt = (index: number): Column =>
    new Map(rows.map((cells) => [cells[0] ?? "", cells[index] ?? ""]));
  return new Map(head.slice(1).map((kernel, index) => [kernel, columnAt(index + 1)]));
}

function formatTable(columns: ReadonlyMap<string, Column>): string {
  const head = ["Linux", ...columns.keys()];
  const rows = ROWS.map((name) => [name].concat([...columns.values()].map((cells) => cells.get(name) ?? "")));
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cellsIn(row: string): readonly string[] {
  return row
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function columnOf({ guests }: KernelResults, date: Date): Column {
  const factsOf = (all: readonly GuestReport[]) => new Map(all.flatMap((guest) => [...guest.facts]));
  const [facts, figures] = [factsOf(guests), factsOf(guests.filter(isGreen))];
  const [add, floor] = [Number(figures.get("add")), Number(figures.get("floor"))];
  return new Map([
    ...["package", "nft", "iproute2"].map((name) => [name, facts.get(name) ?? ""] as const),
    ...guests.map((guest) => [guest.suite, suiteCell(guest, date)] as const),
    ...(figures.has("add")
      ? [[ADD, `${(add / floor).toFixed(1)} (${add.toFixed(1)} ÷ ${floor.toFixed(1)} ms)`] as const]
      : []),
    ...(figures.has("rss") ? [[MEMORY, `${Math.round(Number(figures.get("rss")))} MB`] as const] : []),
  ]);
}

function suiteCell(guest: GuestReport, date: Date): string {
  const { passed, failed, exitCode, tookMs } = guest;
  const took = `in ${(tookMs / 60_000).toFixed(1)} min`;
  if (isGreen(guest)) return `${passed.size} passed ${took}, ${date.toISOString().slice(0, 10)}`;
  return exitCode === undefined ? "NO END" : `${failed.size} FAILED`;
}
