import { alignColumns, type RowSummary } from "../table.ts";
import type { Ratio } from "../statistics.ts";

const HEAD = ["", "median", "lowest – highest", "of the first line (rounds)", "Causeway is, of it (rounds)"];

/**
 * Plain text. What was measured as time is shown as rate; `rateOf` turns the nanoseconds of a row into it.
 */
export function formatRates(
  rows: readonly RowSummary[],
  rateOf: (nanoseconds: number, row: number) => number,
): string {
  const lines = rows.flatMap(({ name, lines: own }, row) => [
    [name, ...HEAD.slice(1).map(() => "")],
    ...own.map(({ name: program, median, min, max, ofBaseline, ofCauseway }) => [
      `  ${program}`,
      formatRate(rateOf(median, row)),
      `${formatRate(rateOf(max, row))} – ${formatRate(rateOf(min, row))}`,
      formatRatio(inverse(ofBaseline)),
      formatRatio(ofCauseway),
    ]),
  ]);
  return alignColumns([HEAD, ...lines]);
}

function inverse({ ratio, low, high }: Ratio): Ratio {
  return { ratio: 1 / ratio, low: 1 / high, high: 1 / low };
}

function formatRate(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function formatRatio({ ratio, low, high }: Ratio): string {
  return `${ratio.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}
