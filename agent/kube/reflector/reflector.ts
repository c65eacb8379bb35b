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
  /** Asks at once for a collection that the server did not have. */
  lookAgain(): void;
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
/**
 * Upper bound of the waits for a collection that is not there, and the first one: one that is being installed
 * is served after a moment.
 */
const ABSENT_WAIT_MS = 300_000;
const ABSENT_BASE_MS = 1000;

/**
 * Follows the objects of one scope: lists them, then watches, and keeps only the projection of each. A list
 * replaces the whole map at once (relists that emit adds before deletes lost routes: antrea-io/antrea#1527),
 * so an object that went away while the connection was down is gone, and one that was made again is never
 * merged with the old one. Lists are streamed where the server can do it, else come in pages.
 *
 * Nothing that the server does ends it: it tries again for ever, with back-off, keeps what it knows, and
 * reports each change of state once. Work begins at once; `onChange` is never called before this function has
 * returned.
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
    lookAgain: () => run.wake(),
    fault: () => run.faults.current()?.text,
    stats: () => ({ watchRestarts, lastEventMs: run.lastEventMs }),
    async close() {
      closing.abort();
      await following;
    },
  };
}

async function follow<T>(run: Run<T>, onRestart: () => void): Promise<void> {
  const { clock, random, kind, maxWaitMs = MAX_WAIT_MS } = run.options;
  const { closing } = run;
  let failures = 0;
  let absences = 0;
  while (!closing.aborted) {
    run.openedMs = undefined;
    const failure = await attempt(run).then(() => undefined, asApiError);
    if (closing.aborted) return;
    onRestart();
    const isAbsent = kind.mayBeAbsent === true && run.stage === "list" && failure?.status === 404;
    if (isAbsent && takeAbsence(run)) {
      failures = 0;
      absences = (await waitForCollection(run, absences)) ? 0 : absences + 1;
      continue;
    }
    absences = 0;
    const isHealthy = run.openedMs !== undefined && clock.nowMs() - run.openedMs >= HEALTHY_WATCH_MS;
    if (isHealthy) failures = 0;
    if (failure !== undefined) noteFailure(run, failure, isAbsent);
    // A watch that ended in time is followed by the next at once; one that ends too soon must not become a
    // busy loop.
    if (failure === undefined && isHealthy) continue;
    failures++;
    const waitMs = backOffMs(failures, { baseMs: BASE_WAIT_MS, maxMs: maxWaitMs, random });
    await pause(clock, (failure?.retryAfterMs ?? 0) + waitMs, closing);
  }
}

/** The wait doubles each time. Answers whether it was ended by {@link Reflector.lookAgain}. */
async function waitForCollection<T>(run: Run<T>, absences: number): Promise<boolean> {
  const { clock, random, absentWaitMs = ABSENT_WAIT_MS } = run.options;
  const boundMs = Math.min(absentWaitMs, ABSENT_BASE_MS * 2 ** absences);
  const waking = new AbortController();
  run.wake = () => waking.abort();
  await pause(clock, boundMs * (0.5 + random()), AbortSignal.any([run.closing, waking.signal]));
  run.wake = () => undefined;
  return waking.signal.aborted;
}

function noteFailure<T>(run: Run<T>, failure: ApiError, isAbsent: boolean): void {
  const { stage, options, faults } = run;
  if (!isAbsent) run.absentSinceMs = undefined;
  if (needsList(stage, failure)) run.resourceVersion = undefined;
  // The server's history is finite: a version that is too old is no fault, the list that follows is the
  // answer to it.
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
