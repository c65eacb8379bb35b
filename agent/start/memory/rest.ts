import type { Clock } from "../../lib/clock.ts";

/** As long as pods that start together come one after another on a slow node. */
const REST_MS = 10_000;

export interface RestInput {
  readonly clock: Clock;
  /** No pod has come for {@link REST_MS}. */
  readonly begin: () => void;
  /** One comes: called before it is served. */
  readonly end: () => void;
}

/** Tells when the agent rests, and when it works for pods again. */
export interface Rest {
  /** A pod comes, or is about to: what was rest ends, and begins anew later. */
  disturb(): void;
  stop(): void;
}

export function createRest({ clock, begin, end }: RestInput): Rest {
  let isResting = false;
  let disturbedMs = 0;
  let cancel: (() => void) | undefined;

  // One timer for all pods of a burst, which looks again if some came while it ran.
  const wait = (forMs: number): void => {
    cancel = clock.after(forMs, () => {
      const leftMs = disturbedMs + REST_MS - clock.nowMs();
      if (leftMs > 0) {
        wait(leftMs);
        return;
      }
      cancel = undefined;
      isResting = true;
      begin();
    });
  };

  return {
    disturb() {
      disturbedMs = clock.nowMs();
      if (isResting) end();
      isResting = false;
      if (cancel === undefined) wait(REST_MS);
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
