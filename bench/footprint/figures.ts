import type { Verdict } from "../judge.ts";
import { alignColumns } from "../table.ts";

/** One figure that is no ratio. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "MB" | "%" | "s" | "KB";
  readonly atMost?: number;
  /** Other work of the machine makes it worse: what is beyond the bound then fails nothing. */
  readonly isTime?: boolean;
}

/** How the budgets of figures came out. */
export function judgeFigures(figures: readonly Figure[]): Verdict[] {
  return figures.flatMap(({ name, value, unit, atMost, isTime = false }) => {
    if (atMost === undefined) return [];
    const outcome = value <= atMost ? "met" : isTime ? "unsure" : "missed";
    return [{ text: `${outcome.padEnd(8)} ${name}: ${value.toFixed(1)} ${unit}, budget ${atMost}`, outcome }];
  });
}

export function formatFigures(figures: readonly Figure[]): string {
  const lines = figures.map(({ name, value, unit, atMost }) => [
    name,
    `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`,
    atMost === undefined ? "" : `${value <= atMost ? "met" : "missed"}: at most ${atMost} ${unit}`,
  ]);
  return alignColumns([["", "value", "budget"], ...lines]);
}
