import { type Clock, pause } from "../../lib/clock.ts";

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
}

/** Tells nothing from the signal on, whoever comes. */
export function createRest({ clock, isBusy, begin, end }: RestInput, signal: AbortSignal): Rest {
  let isWorking = false;
  let disturbedMs = Number.NEGATIVE_INFINITY;

  async function work(): Promise<void> {
    isWorking = true;
    end();
    const endMs = clock.nowMs() + LONGEST_WORK_MS;
    for (let leftMs = REST_MS; leftMs > 0 && clock.nowMs() < endMs; ) {
      await pause(clock, leftMs, signal);
      if (signal.aborted) return;
      leftMs = isBusy() ? LOOK_MS : disturbedMs + REST_MS - clock.nowMs();
    }
    isWorking = false;
    begin();
  }

  return {
    disturb() {
      const isFirst = clock.nowMs() - disturbedMs >= REST_MS;
      disturbedMs = clock.nowMs();
      if (isFirst && !isWorking && !signal.aborted) void work();
    },
  };
}
