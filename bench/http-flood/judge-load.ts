import type { Verdict } from "../judge.ts";
import { median, summarize } from "../statistics.ts";
import type { Round } from "./measure.ts";

/** What a load does to the agent. */
export interface LoadFigures {
  readonly text: string;
  /** Of ADD with the load to ADD without. */
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

/** What a budget's bound may be exceeded by before it fails CI. */
const HEAD_ROOM = 1.3;

export function summarizeLoad(text: string, loaded: readonly Round[], quiet: readonly Round[]): LoadFigures {
  const adds = summarize(loaded.flatMap(({ addMs }) => addMs));
  const quietAdds = summarize(quiet.flatMap(({ addMs }) => addMs));
  const peakMb = (rounds: readonly Round[]): number => Math.max(...rounds.map((round) => round.peakMb));
  return {
    text,
    addMedianRatio: adds.median / quietAdds.median,
    addP99Ratio: (adds.p99 ?? Number.NaN) / (quietAdds.p99 ?? Number.NaN),
    probeMaxMs: Math.max(...loaded.flatMap(({ probeMs }) => probeMs)),
    grownMb: peakMb(loaded) - peakMb(quiet),
    cpuPercent: median(loaded.map((round) => round.cpuPercent)),
  };
}

/**
 * What is not a number meets no budget. Failed is beyond the bound and its head-room in every single round: what else the machine does spoils some
 * rounds, a regression spoils all.
 */
export function judgeLoad(whole: LoadFigures, rounds: readonly LoadFigures[]): Verdict[] {
  return BUDGETS.map(({ what, of, atMost }) => {
    const got = whole[of];
    const isFailed = rounds.every((round) => !(round[of] <= atMost * HEAD_ROOM));
    const outcome = got <= atMost ? "met" : isFailed ? "failed" : "missed";
    return {
      text: `${outcome.padEnd(6)} ${whole.text}: ${what}: ${got.toFixed(2)}, budget ${atMost}`,
      outcome,
    };
  });
}
