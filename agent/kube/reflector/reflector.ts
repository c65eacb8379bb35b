import { backOffMs } from "../../lib/back-off.ts";
import { pause } from "../../lib/clock.ts";
import { type ApiError, asApiError } from "../api/api-error.ts";
import { attempt } from "./attempt.ts";
import { describeFailure, needsList } from "./failure.ts";
import { createRun, type ReflectorOptions, type Run, takeAbsence } from "./run.ts";

export interface ReflectorStats {
  /** How often a watch began anew. */
  readonly watchRestarts: number;
  /** When the server last said anything of use, on the reflector's clock; undefined before that. */
  readonly lastEventMs: number | undefined;
}

/** Objects of one scope, as the API server last told of them. */
export interface Reflector<T> {
  /** All usable objects by key: `NAME`, or `NAMESPACE/NAME`; the last known ones while the server is away. */
  objects(): ReadonlyMap<string, T>;
  /** Objects that cannot be used, by key, with the reason. */
  skipped(): ReadonlyMap<string, string>;
  /** False until the first complete list: before that, an object that is not in the map may still exist. */
  isComplete(): boolean;
  /** Whether the server has no such collection: see {@link WatchedKind.mayBeAbsent}. */
  isAbsent(): boolean;
  /** Why following does not work right now, as a sentence; undefined while it works. */
  fault(): string | undefined;
  stats(): ReflectorStats;
  /** Ends all timers, watches and connections; `onChange` is not called any more. May be repeated. */
  close(): Promise<void>;
}

/** Upper bounds of the first and the longest wait after a failure, as client-go's reflector has them. */
const BASE_WAIT_MS = 800;
const MAX_WAIT_MS = 30_000;
/** A watch that lived this long was a good one: the next failure is a first one again. */
const HEALTHY_WATCH_MS = 30_000;
const ABSENT_WAIT_MS = 30_000;

/**
 * Follows the objects of one scope: lists them, then watches, and keeps only the projection of each. A list replaces the whole map at once
 * (relists that emit adds before deletes lost routes: antrea-io/antrea#1527), so an object that went away while the connection was down is
 * gone, and one that was made again is never merged with the old one. Lists are streamed where the server can do it, else come in pages.
 *
 * Nothing that the server does ends it: it tries again for ever, with back-off, keeps what it knows, and reports each change of
 * state once. Work begins at once; `onChange` is never called before this function has returned.
 */
export function createReflector<T>(options: ReflectorOptions<T>): Reflector<T> {
  const closing = new AbortController();
  const run = createRun(options, closing.signal);
  let watchRestarts = 0;
  const following = Promise.resolve().then(() => follow(run, () => watchRestarts++));
  return {
    objects: () => run.store.objects,
    skipped: () => run.store.skipped,
    isComplete: () => run.isComplete,
    isAbsent: () => run.isAbsent,
    fault: () => run.faults.current()?.text,
    stats: () => ({ watchRestarts, lastEventMs: run.lastEventMs }),
    async close() {
      closing.abort();
      await following;
    },
  };
}

async function follow<T>(run: Run<T>, onRestart: () => void): Promise<void> {
  const { clock, random, kind, maxWaitMs = MAX_WAIT_MS, absentWaitMs = ABSENT_WAIT_MS } = run.options;
  const { closing } = run;
  let failures = 0;
  while (!closing.aborted) {
    run.openedMs = undefined;
    const failure = await attempt(run).then(() => undefined, asApiError);
    if (closing.aborted) return;
    onRestart();
    const isAbsent = kind.mayBeAbsent === true && run.stage === "list" && failure?.status === 404;
    if (isAbsent && takeAbsence(run)) {
      failures = 0;
      await pause(clock, absentWaitMs * (0.5 + random()), closing);
      continue;
    }
    const isHealthy = run.openedMs !== undefined && clock.nowMs() - run.openedMs >= HEALTHY_WATCH_MS;
    if (isHealthy) failures = 0;
    if (failure !== undefined) noteFailure(run, failure, isAbsent);
    // A watch that ended in time is followed by the next at once; one that ends too soon must not become a busy loop.
    if (failure === undefined && isHealthy) continue;
    failures++;
    const waitMs = backOffMs(failures, { baseMs: BASE_WAIT_MS, maxMs: maxWaitMs, random });
    await pause(clock, (failure?.retryAfterMs ?? 0) + waitMs, closing);
  }
}

function noteFailure<T>(run: Run<T>, failure: ApiError, isAbsent: boolean): void {
  const { stage, options, faults } = run;
  if (!isAbsent) run.absentSinceMs = undefined;
  if (needsList(stage, failure)) run.resourceVersion = undefined;
  // The server's history is finite: a version that is too old is no fault, the list that follows is the answer to it.
  if (stage !== "list" && failure.status === 410) {
    options.log.info({}, `Relisting ${run.title}: ${failure.message}`);
    return;
  }
  run.faultStage = stage;
  faults.set({
    key: `${stage} ${failure.status ?? ""} ${failure.reason}`,
    text: describeFailure(run, failure),
  });
}
