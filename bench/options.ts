import { parseArgs } from "node:util";

export interface Options {
  /** Attachments of each program; some nodes have a tenth, or five times as many. */
  readonly pods: number;
  /**
   * In how many turns the attachments are made and removed one by one; the programs take turns within each.
   */
  readonly rounds: number;
  /** How often all attachments are made and removed at once; small bursts twice as often. */
  readonly bursts: number;
  /** Where the results are written. */
  readonly jsonPath: string;
  /** Whether a missed budget is a failure. */
  readonly gate: boolean;
}

/** The fullest node of the bench has five times as many, and a bridge at most 1,023 ports. */
const MAX_PODS = 200;

/** Number of attachments that budgets are meant for: the reference plugins become slower with every pod. */
export const BUDGET_PODS = 100;

/** Reads the command line; throws an error that names the flag. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      pods: { type: "string", default: "100" },
      rounds: { type: "string", default: "10" },
      bursts: { type: "string", default: "3" },
      json: { type: "string", default: "bench/results.json" },
      gate: { type: "boolean", default: false },
    },
  });
  const pods = parseCount("pods", values.pods, MAX_PODS);
  if (values.gate && pods !== BUDGET_PODS) {
    throw new Error(`Cannot use --gate: budgets hold for ${BUDGET_PODS} pods, not ${pods}`);
  }
  return {
    pods,
    rounds: Math.min(parseCount("rounds", values.rounds, MAX_PODS), pods),
    bursts: parseCount("bursts", values.bursts, 100),
    jsonPath: values.json,
    gate: values.gate,
  };
}

function parseCount(flag: string, text: string, maximum: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= maximum) return count;
  throw new Error(`Cannot use --${flag} "${text}": not a number from 1 to ${maximum}`);
}
