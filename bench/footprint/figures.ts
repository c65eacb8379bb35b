import type { Verdict } from "../judge.ts";
import { alignColumns } from "../table.ts";

/** One figure that is no ratio. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "MB" | "%" | "s" | "KB";
  readonly atMost?: number;
}

/**
 * How the budgets of figures came out. Times are worse while the machine does other work: one beyond its
 * bound is unsure, and fails nothing.
 */
export function judgeFigures(figures: readonly Figure[]): Verdict[] {
  return figures.flatMap(({ name, value, unit, atMost }) => {
    if (atMost === undefined) return [];
    const outcome = value <= atMost ? "met" : unit === "ms" || unit === "s" ? "unsure" : "missed";
    return [{ text: `${outcome.padEnd(8)} ${name}: ${format(value)} ${unit}, budget ${atMost}`, outcome }];
  });
}

export function formatFigures(figures: readonly Figure[]): string {
  const lines = figures.map(({ name, value, unit }) => [name, `${format(value)} ${unit}`]);
  return alignColumns([["", "value"], ...lines]);
}

function format(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
