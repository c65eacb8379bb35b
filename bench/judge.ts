import type { Measurement, Row } from "./collector.ts";
import { ratioOf, summarize } from "./statistics.ts";

/**
 * An upper bound of a ratio in one run: `program` may take at most `atMost` times what `of` takes. Only
 * ratios are budgets that may fail CI: absolute times are the machine's.
 */
export interface Budget {
  /** Name of the row. */
  readonly row: string;
  readonly program: string;
  readonly of: string;
  readonly atMost: number;
  /** What is compared of `program`; of `of` it is always the median. The median if undefined. */
  readonly statistic?: "p99";
  /** Where the promise is known not to be kept: docs/benchmarks.md has the figure. */
  readonly exception?: Exception;
}

/** What is tolerated instead of a budget's bound. */
export interface Exception {
  readonly atMost: number;
  /** What was measured, and what it comes from. */
  readonly why: string;
}

export interface Verdict {
  readonly text: string;
  /**
   * Excepted is beyond the bound but within its exception. Missed is beyond that, too, in every single round;
   * unsure, not in all of them: what else the machine does spoils some rounds, a regression spoils all.
   */
  readonly outcome: "met" | "excepted" | "unsure" | "missed";
}

/** Compares the results with the budgets. */
export function judge(rows: readonly Row[], budgets: readonly Budget[]): Verdict[] {
  return budgets.map((budget) => {
    const { row, program, of, atMost, statistic, exception } = budget;
    const measurements = rows.find(({ name }) => name === row)?.measurements;
    const [ours, theirs] = [program, of].map((id) => measurements?.find((one) => one.id === id));
    if (ours === undefined || theirs === undefined) {
      throw new RangeError(`Cannot judge "${row}": no results of "${program}" and "${of}"`);
    }
    const { ratio, low } = statistic === "p99" ? p99Ratio(ours, theirs) : ratioOf(ours.rounds, theirs.rounds);
    const outcome = outcomeOf({ got: ratio, best: low, atMost, tolerated: exception?.atMost });
    const [got, want] = [formatRatio(ratio), formatRatio(atMost)];
    const what = statistic === undefined ? ours.name : `${ours.name}'s ${statistic}`;
    return {
      text: `${outcome.padEnd(8)} ${row}: ${what} is ${got} × ${theirs.name}, budget ${want}${exceptionText(exception)}`,
      outcome,
    };
  });
}

interface OutcomeInput {
  /** Of all rounds together, and of the best one. */
  readonly got: number;
  readonly best: number;
  readonly atMost: number;
  /** Bound of the exception, where there is one. */
  readonly tolerated?: number | undefined;
}

/** What is not a number is missed. */
export function outcomeOf({ got, best, atMost, tolerated = atMost }: OutcomeInput): Verdict["outcome"] {
  if (got <= atMost) return "met";
  if (got <= tolerated) return "excepted";
  return best <= tolerated ? "unsure" : "missed";
}

function exceptionText(exception: Exception | undefined): string {
  if (exception === undefined) return "";
  const { atMost, why } = exception;
  return Number.isFinite(atMost) ? `; excepted up to ${formatRatio(atMost)}: ${why}` : `; excepted: ${why}`;
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
