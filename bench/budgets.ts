import type { RowSummary } from "./table.ts";

/** An upper bound of a ratio of medians in one run: `program` may take at most `atMost` times what `of` takes. */
export interface Budget {
  readonly row: string;
  readonly program: string;
  readonly of: string;
  readonly atMost: number;
}

export interface Verdict {
  readonly text: string;
  readonly isMet: boolean;
}

/** Compares the results with the budgets. A row is found by the beginning of its name. */
export function judge(rows: readonly RowSummary[], budgets: readonly Budget[]): Verdict[] {
  return budgets.map(({ row, program, of, atMost }) => {
    const found = rows.find(({ name }) => name.startsWith(row));
    const [ours, theirs] = [program, of].map((id) => found?.lines.find((line) => line.id === id));
    if (ours === undefined || theirs === undefined) {
      throw new RangeError(`Cannot judge "${row}": no results of "${program}" and "${of}"`);
    }
    const ratio = ours.median / theirs.median;
    const [got, want] = [ratio, atMost].map((value) =>
      value < 1 ? `1/${(1 / value).toFixed(1)}` : value.toFixed(2),
    );
    const isMet = ratio <= atMost;
    return {
      text: `${isMet ? "met   " : "missed"} ${found?.name}: ${ours.name} takes ${got} × ${theirs.name}, budget ${want}`,
      isMet,
    };
  });
}
