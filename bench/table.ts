import type { Measurement, Row } from "./collector.ts";
import { type Ratio, ratioOf, type Summary, summarize } from "./statistics.ts";

/** One line of the table. */
export interface Line extends Summary {
  readonly id: string;
  readonly name: string;
  /** How many times the first program of the row this one takes. */
  readonly ofBaseline: Ratio;
  /** How many times Causeway this one takes. */
  readonly ofCauseway: Ratio;
}

export interface RowSummary {
  readonly name: string;
  readonly lines: readonly Line[];
}

const HEAD = ["", "n", "median", "p90", "p99", "min – max", "× baseline (rounds)", "× Causeway (rounds)"];

/** Sums up every row. */
export function summarizeRows(rows: readonly Row[]): RowSummary[] {
  return rows.map(({ name, ours, measurements }) => {
    const [baseline] = measurements;
    const own = measurements.find(({ id }) => id === ours);
    if (baseline === undefined || own === undefined) throw new RangeError(`Cannot compare "${name}"`);
    return { name, lines: measurements.map((measurement) => summarizeLine(measurement, baseline, own)) };
  });
}

function summarizeLine(measurement: Measurement, baseline: Measurement, own: Measurement): Line {
  const { id, name, rounds } = measurement;
  return {
    id,
    name,
    ...summarize(rounds.flat()),
    ofBaseline: ratioOf(rounds, baseline.rounds),
    ofCauseway: ratioOf(rounds, own.rounds),
  };
}

/** Plain text; times in milliseconds. */
export function formatTable(rows: readonly RowSummary[]): string {
  const cells = rows.flatMap(({ name, lines }) => [
    [name, ...HEAD.slice(1).map(() => "")],
    ...lines.map((line) => [
      `  ${line.name}`,
      String(line.count),
      formatMs(line.median),
      formatMs(line.p90),
      formatMs(line.p99),
      `${formatMs(line.min)} – ${formatMs(line.max)}`,
      formatRatio(line.ofBaseline),
      formatRatio(line.ofCauseway),
    ]),
  ]);
  return alignColumns([HEAD, ...cells]);
}

/** The first line is the head; the first column is text, the others are numbers. */
export function alignColumns(lines: readonly (readonly string[])[]): string {
  const [head = []] = lines;
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const [first = "", ...others] = lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [first, rule, ...others].join("\n");
}

function formatMs(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function formatRatio({ ratio, low, high }: Ratio): string {
  return `${formatFactor(ratio)} (${formatFactor(low)}–${formatFactor(high)})`;
}

function formatFactor(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
