import type { Clock } from "../../lib/clock.ts";
import { createTokenBucket } from "../../lib/token-bucket.ts";
import type { Log } from "../../log/log.ts";
import { listSome } from "../../text/list-some.ts";

/** How many problems are named in the log, and in what is reported to the cluster, at one time. */
const MAX_NAMED = 10;

/** So often something new is told: whoever changes objects all the time fills no disk. */
const TELLINGS = { perSecond: 0.1, burst: 300 } as const;

export interface ProblemReporterInput {
  readonly log: Pick<Log, "info" | "warn">;
  readonly clock: Pick<Clock, "nowMs">;
  /** Hears of new problems, at most a few of them by name. */
  readonly report?: (note: string) => void;
  /** What the problems are of. */
  readonly subject: string;
  /** Said when all are over. */
  readonly over: string;
}

/**
 * Tells each problem when it comes up, and when all are over: what lasts is not said again and again. What
 * comes too often is told later, if it is still there.
 */
export function createProblemReporter({ log, clock, report, over, subject }: ProblemReporterInput) {
  const tellings = createTokenBucket({ ...TELLINGS, startMs: clock.nowMs() });
  let known: ReadonlySet<string> = new Set();
  return (problems: readonly string[]): void => {
    const fresh = problems.filter((problem) => !known.has(problem));
    if (problems.length === 0 && known.size > 0) log.info({}, over);
    const isTold = fresh.length > 0 && tellings.take(clock.nowMs());
    known = new Set(isTold ? problems : problems.filter((problem) => known.has(problem)));
    if (!isTold) return;
    const named = fresh.slice(0, MAX_NAMED);
    for (const problem of named) log.warn({}, `${subject}: ${problem}`);
    const more = fresh.length - named.length;
    if (more > 0) log.warn({ more }, `${subject}: more problems of this kind`);
    report?.(listSome(fresh, { max: MAX_NAMED, separator: "; " }));
  };
}
