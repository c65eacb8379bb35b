import type { Clock } from "../../lib/clock.ts";

/** After a change of our own, what the kernel tells is about that for this long. */
const SETTLE_MS = 1000;

/** However busy the node is, a notification is followed up within this time. */
const LONGEST_WAIT_MS = 5000;

export interface DriftInput {
  readonly clock: Clock;
  /** Whether the agent is changing pods right now. */
  readonly isBusy: () => boolean;
  /** Looks at everything and repairs it. */
  readonly trigger: () => void;
}

/**
 * Follows the kernel's notifications: at once on a quiet node, a little later while pods come and go, since
 * most of them are our own.
 */
export interface Drift {
  /** The kernel told of a change that may concern us. */
  noticed(): void;
  /** A change of our own has ended. */
  changed(): void;
  stop(): void;
}

export function createDrift({ clock, isBusy, trigger }: DriftInput): Drift {
  let lastChangeMs = Number.NEGATIVE_INFINITY;
  let noticedMs: number | undefined;
  let cancel = (): void => undefined;

  const isSettled = (): boolean => !isBusy() && clock.nowMs() - lastChangeMs >= SETTLE_MS;
  const follow = (): void => {
    if (noticedMs === undefined) return;
    if (!isSettled() && clock.nowMs() - noticedMs < LONGEST_WAIT_MS) {
      cancel = clock.after(SETTLE_MS, follow);
      return;
    }
    noticedMs = undefined;
    trigger();
  };

  return {
    noticed() {
      if (noticedMs !== undefined) return;
      noticedMs = clock.nowMs();
      follow();
    },
    changed() {
      lastChangeMs = clock.nowMs();
    },
    stop() {
      noticedMs = undefined;
      cancel();
    },
  };
}
