import type { Measurement, Row } from "./collector.ts";
import { ratioOf, summarize } from "./statistics.ts";

/**
 * An upper bound of a ratio in one run: `program` may take at most `atMost` times what `of` takes. Only ratios are budgets that may fail CI:
 * absolute times are the machine's.
 */
export interface Budget {
  /** Name of the row. */
  readonly row: string;
  readonly program: string;
  readonly of: string;
  readonly atMost: number;
  /** What is compared of `program`; of `of` it is always the median. The median if undefined. */
  readonly statistic?: "p99";
  /** How many times the bound fails the gate; {@link HEAD_ROOM} if undefined. */
  readonly headRoom?: number;
}

/** What a budget's bound may be exceeded by before it fails CI: two runs on one quiet machine differ by some 10 %, and CI's are not quiet. */
const HEAD_ROOM = 1.3;

export interface Verdict {
  readonly text: string;
  /**
   * Missed is beyond the bound. Failed is beyond the bound and its head-room in every single round: what else the machine does spoils some
   * rounds, a regression spoils all.
   */
  readonly outcome: "met" | "missed" | "failed";
}

/** Compares the results with the budgets. */
export function judge(rows: readonly Row[], budgets: readonly Budget[]): Verdict[] {
  return budgets.map((budget) => {
    const { row, program, of, atMost, statistic, headRoom = HEAD_ROOM } = budget;
    const measurements = rows.find(({ name }) => name === row)?.measurements;
    const [ours, theirs] = [program, of].map((id) => measurements?.find((one) => one.id === id));
    if (ours === undefined || theirs === undefined) {
      throw new RangeError(`Cannot judge "${row}": no results of "${program}" and "${of}"`);
    }
    const { ratio, low } = statistic === "p99" ? p99Ratio(ours, theirs) : ratioOf(ours.rounds, theirs.rounds);
    const outcome = ratio <= atMost ? "met" : low <= atMost * headRoom ? "missed" : "failed";
    const [got, want] = [formatRatio(ratio), formatRatio(atMost)];
    const what = statistic === undefined ? ours.name : `${ours.name}'s ${statistic}`;
    return {
      text: `${outcome.padEnd(6)} ${row}: ${what} is ${got} × ${theirs.name}, budget ${want}`,
      outcome,
    };
  });
}

/** Of all rounds: a single one has too few values. */
function p99Ratio(ours: Measurement, theirs: Measurement): { readonly ratio: number; readonly low: number } {
  const { p99 } = summarize(ours.rounds.flat());
  if (p99 === undefined)
    throw new RangeError(`Cannot judge the 99th percentile of "${ours.name}": too few values`);
  const ratio = p99 / summarize(theirs.rounds.flat()).median;
  return { ratio, low: ratio };
}

function formatRatio(value: number): string {
  return value < 0.5 ? `1/${(1 / value).toFixed(1)}` : value.toFixed(2);
}
