import type { Clock } from "../../lib/clock.ts";
import { createSessionJudge, type JudgedPeer } from "../../plan/encryption/judge-sessions.ts";
import type { WireGuardState } from "../../plan/encryption/wireguard.ts";

export interface SessionWatchInput {
  readonly clock: Pick<Clock, "after">;
  /** Unix time. */
  readonly nowSeconds: () => number;
  readonly read: () => Promise<WireGuardState | undefined>;
}

export interface SessionWatch {
  /** Looks from now on, every so often. */
  start(): void;
  /** Looks now; nothing without a device. */
  look(): Promise<readonly JudgedPeer[]>;
  /** Peers that are called and do not answer, as of the last look. */
  unanswered(): readonly JudgedPeer["peer"][];
  stop(): void;
}

const EVERY_MS = 30_000;

/** Looks at sessions also when nobody asks: that a peer does not answer shows between two looks. */
export function createSessionWatch({ clock, nowSeconds, read }: SessionWatchInput): SessionWatch {
  const judge = createSessionJudge();
  let last: readonly JudgedPeer[] = [];
  let cancel: (() => void) | undefined;
  const look = async (): Promise<readonly JudgedPeer[]> => {
    const state = await read();
    last = judge(state?.peers ?? [], nowSeconds());
    return last;
  };
  const wait = (): void => {
    cancel = clock.after(EVERY_MS, () => {
      // What the kernel refuses now, a run will tell.
      void look()
        .catch(() => undefined)
        .finally(() => {
          if (cancel !== undefined) wait();
        });
    });
  };
  return {
    look,
    unanswered: () => last.filter(({ session }) => session === "unanswered").map(({ peer }) => peer),
    start() {
      if (cancel === undefined) wait();
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
