import { alignColumns } from "../table.ts";

/** One figure that is no ratio: its budget is shown, and fails nothing. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "MB" | "%" | "s" | "KB";
  readonly atMost?: number;
}

export function formatFigures(figures: readonly Figure[]): string {
  const lines = figures.map(({ name, value, unit, atMost }) => [
    name,
    `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`,
    atMost === undefined ? "" : `${value <= atMost ? "met" : "missed"}: at most ${atMost} ${unit}`,
  ]);
  return alignColumns([["", "value", "budget"], ...lines]);
}
