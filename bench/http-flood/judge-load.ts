import { outcomeOf, type Verdict } from "../judge.ts";
import { median, summarize } from "../statistics.ts";
import type { Round } from "./measure.ts";

/** What a load does to the agent. */
export interface LoadFigures {
  readonly text: string;
  /**
   * Of ADD with the load to ADD without in the same round; the median over the rounds, so that one which the
   * machine spoils decides nothing.
   */
  readonly addMedianRatio: number;
  readonly addP99Ratio: number;
  /** NaN when a probe was not answered. */
  readonly probeMaxMs: number;
  /** What the agent's memory had more at its peak than without the load. */
  readonly grownMb: number;
  readonly cpuPercent: number;
}

/** What the project has promised. */
const BUDGETS = [
  { what: "ADD's p99, times that without", of: "addP99Ratio", atMost: 2 },
  { what: "slowest probe, ms", of: "probeMaxMs", atMost: 100 },
  { what: "memory, MB more", of: "grownMb", atMost: 20 },
] as const;

function addFigure(round: Round | undefined, of: "median" | "p99"): number {
  return summarize(round?.addMs ?? [])[of] ?? Number.NaN;
}

/** `loaded` and `quiet` have the same rounds. */
export function summarizeLoad(text: string, loaded: readonly Round[], quiet: readonly Round[]): LoadFigures {
  const addRatio = (of: "median" | "p99"): number =>
    median(loaded.map((round, index) => addFigure(round, of) / addFigure(quiet[index], of)));
  const peakMb = (rounds: readonly Round[]): number => Math.max(...rounds.map((round) => round.peakMb));
  return {
    text,
    addMedianRatio: addRatio("median"),
    addP99Ratio: addRatio("p99"),
    probeMaxMs: Math.max(...loaded.flatMap(({ probeMs }) => probeMs)),
    grownMb: peakMb(loaded) - peakMb(quiet),
    cpuPercent: median(loaded.map((round) => round.cpuPercent)),
  };
}

/** The outcomes of {@link Verdict}; what is not a number meets no budget. */
export function judgeLoad(whole: LoadFigures, rounds: readonly LoadFigures[]): Verdict[] {
  return BUDGETS.map(({ what, of, atMost }) => {
    const got = whole[of];
    const answers = rounds.map((round) => round[of]).filter((value) => !Number.isNaN(value));
    const outcome = outcomeOf({ got, best: Math.min(...answers), atMost });
    return {
      text: `${outcome.padEnd(8)} ${whole.text}: ${what}: ${got.toFixed(2)}, budget ${atMost}`,
      outcome,
    };
  });
}
