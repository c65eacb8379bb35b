import type { Clock } from "../../lib/clock.ts";

/** Longer than pods that start together are apart on a slow node. */
const REST_MS = 10_000;
/** Pods that come, or fail, again and again: their node gives memory back all the same. */
const LONGEST_WORK_MS = 60_000;
/** How soon work that has lasted longer than the last pod's arrival is looked at again. */
const LOOK_MS = 1000;

export interface RestInput {
  readonly clock: Clock;
  /** Whether pods are being made. */
  readonly isBusy: () => boolean;
  readonly begin: () => void;
  /** Called before the pod is served that ends the rest. */
  readonly end: () => void;
}

/**
 * Tells when the agent rests, and when it works for pods: from the first that comes after {@link REST_MS}
 * without one until there has been none for as long, and at most for {@link LONGEST_WORK_MS}.
 */
export interface Rest {
  /** A pod comes, or is about to. */
  disturb(): void;
  /** Nothing is told from then on, whoever comes. */
  stop(): void;
}

export function createRest({ clock, isBusy, begin, end }: RestInput): Rest {
  let isWorking = false;
  let isStopped = false;
  let startedMs = 0;
  let disturbedMs = Number.NEGATIVE_INFINITY;
  let cancel = (): void => undefined;

  const look = (): void => {
    const nowMs = clock.nowMs();
    const leftMs = isBusy() ? LOOK_MS : disturbedMs + REST_MS - nowMs;
    if (leftMs > 0 && nowMs - startedMs < LONGEST_WORK_MS) {
      cancel = clock.after(leftMs, look);
      return;
    }
    isWorking = false;
    begin();
  };

  return {
    disturb() {
      const nowMs = clock.nowMs();
      const isFirst = nowMs - disturbedMs >= REST_MS;
      disturbedMs = nowMs;
      if (isStopped || isWorking || !isFirst) return;
      isWorking = true;
      startedMs = nowMs;
      end();
      cancel = clock.after(REST_MS, look);
    },
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
