import type { Clock } from "../../lib/clock.ts";

export interface RunnerOptions {
  /** Triggers within this time after a run are served by one run. */
  readonly minIntervalMs: number;
  /** First wait after a failure; doubles with each further one, up to a limit: {@link MAX_RETRY_MS}. */
  readonly retryIntervalMs: number;
  /** Without any trigger the work runs this often, to repair drift that nobody announced. */
  readonly maxIntervalMs: number;
  readonly clock: Clock;
  /** Hears a failed run; the runner goes on. */
  readonly onError: (error: unknown) => void;
}

/**
 * Runs one piece of level-triggered work: at once when triggered, but bounded in frequency and never twice at
 * the same time.
 */
export interface Runner {
  trigger(): void;
  /**
   * Triggers, and settles like the first run that begins from now on; rejects when the runner is stopped
   * before.
   */
  run(): Promise<void>;
  /** Ends the timers and waits for a run that is under way. */
  stop(): Promise<void>;
}

const STOPPED = "Cannot run: the runner is stopped";

/**
 * After a run the runner rests for this many times as long, up to a limit: a cluster in turmoil must not take
 * the node's CPU.
 */
const REST_FACTOR = 4;
const MAX_REST_MS = 500;

/**
 * After failures, however many, the work is tried again within this time: of what an operator has put right,
 * such as a module that was not installed, nobody tells.
 */
const MAX_RETRY_MS = 10_000;

/**
 * But a try that takes long is followed by a wait of this many times as long: where nft fails among 5,000
 * nodes, one takes 0.5 s of CPU.
 */
const RETRY_REST_FACTOR = 40;

/** After failures, however many, a change is served within this time. */
const MAX_TRIGGERED_RETRY_MS = 1000;

/** `work` answers "again" when a part of it is to be tried once more although it has not failed. */
export function createRunner(work: () => Promise<"again" | void>, options: RunnerOptions): Runner {
  const { clock, onError } = options;
  const pace = createPace(options);
  let running: Promise<void> | undefined;
  let waiting: PromiseWithResolvers<void>[] = [];
  let isTriggered = false;
  let isStopped = false;
  let lastEndMs = Number.NEGATIVE_INFINITY;
  let cancelTimer = (): void => undefined;

  const schedule = (delayMs: number): void => {
    cancelTimer();
    if (!isStopped) cancelTimer = clock.after(Math.max(0, delayMs), run);
  };

  function run(): void {
    isTriggered = false;
    const startMs = clock.nowMs();
    const served = waiting;
    waiting = [];
    running = work()
      .then(
        (answer) => {
          for (const { resolve } of served) resolve();
          return answer === undefined;
        },
        (error: unknown) => {
          onError(error);
          for (const { reject } of served) reject(error);
          return false;
        },
      )
      .then((isDone) => {
        running = undefined;
        lastEndMs = clock.nowMs();
        pace.ended(lastEndMs - startMs, isDone);
        schedule(isTriggered ? pace.triggeredMs() : pace.idleMs());
      });
  }

  const trigger = (): void => {
    const isQueued = isTriggered;
    isTriggered = true;
    if (running === undefined && !isQueued) schedule(lastEndMs + pace.triggeredMs() - clock.nowMs());
  };

  return {
    trigger,
    run() {
      if (isStopped) return Promise.reject(new Error(STOPPED));
      const next = Promise.withResolvers<void>();
      waiting.push(next);
      trigger();
      return next.promise;
    },
    async stop() {
      isStopped = true;
      cancelTimer();
      await running;
      for (const { reject } of waiting) reject(new Error(STOPPED));
    },
  };
}

interface Pace {
  ended(tookMs: number, isDone: boolean): void;
  /** How long after the last run a trigger is served. */
  triggeredMs(): number;
  /** When the next run is due without one. */
  idleMs(): number;
}

function createPace({ minIntervalMs, retryIntervalMs, maxIntervalMs }: RunnerOptions): Pace {
  let failures = 0;
  let restMs = minIntervalMs;
  let maxRetryMs = MAX_RETRY_MS;
  const retryMs = (): number => Math.min(retryIntervalMs * 2 ** (failures - 1), maxRetryMs);
  return {
    ended(tookMs, isDone) {
      failures = isDone ? 0 : failures + 1;
      restMs = Math.max(minIntervalMs, Math.min(REST_FACTOR * tookMs, MAX_REST_MS));
      maxRetryMs = Math.min(Math.max(MAX_RETRY_MS, RETRY_REST_FACTOR * tookMs), maxIntervalMs);
    },
    // What fails is often what triggers: after failures a trigger shortens long waits only.
    triggeredMs: () => (failures > 0 ? Math.min(retryMs(), MAX_TRIGGERED_RETRY_MS) : restMs),
    idleMs: () => (failures > 0 ? retryMs() : maxIntervalMs),
  };
}
