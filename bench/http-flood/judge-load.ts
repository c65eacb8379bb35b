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

/** What the project has promised, and by how much a busy machine may miss it before CI fails. */
const BUDGETS = [
  { what: "ADD's p99, times that without", of: "addP99Ratio", atMost: 2, headRoom: 1.5 },
  { what: "slowest probe, ms", of: "probeMaxMs", atMost: 100, headRoom: 2 },
  { what: "memory, MB more", of: "grownMb", atMost: 20, headRoom: 1 },
] as const;

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

/** What is not a number meets no budget. */
export function judgeLoad(figures: LoadFigures): Verdict[] {
  return BUDGETS.map(({ what, of, atMost, headRoom }) => {
    const got = figures[of];
    const outcome = got <= atMost ? "met" : got <= atMost * headRoom ? "missed" : "failed";
    return {
      text: `${outcome.padEnd(6)} ${figures.text}: ${what}: ${got.toFixed(2)}, budget ${atMost}`,
      outcome,
    };
  });
}
