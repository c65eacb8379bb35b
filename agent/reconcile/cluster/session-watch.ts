import type { Clock } from "../../lib/clock.ts";
import { createSessionJudge, type JudgedPeer } from "../../plan/encryption/judge-sessions.ts";
import type { WireGuardState } from "../../plan/encryption/wireguard.ts";
import type { EncryptedRoute } from "../../plan/peers/peer-routes.ts";

export interface SessionWatchInput {
  readonly clock: Clock;
  /** Unix time. */
  readonly nowSeconds: () => number;
  readonly read: () => Promise<WireGuardState | undefined>;
}

export interface UnansweredPeer extends Pick<JudgedPeer, "peer"> {
  /** Name of its node, as of the last plan. */
  readonly node: string | undefined;
}

export interface SessionWatch {
  /** Looks every so often from now on at the peers that were planned for these routes. */
  watch(routes: readonly EncryptedRoute[]): void;
  /** Looks now; nothing without a device. */
  look(): Promise<readonly JudgedPeer[]>;
  /** Peers that are called and do not answer, as of the last look. */
  unanswered(): readonly UnansweredPeer[];
  /** Looks no more, and forgets. */
  stop(): void;
}

const EVERY_MS = 30_000;

/** Looks at sessions also when nobody asks: that a peer does not answer shows between two looks. */
export function createSessionWatch({ clock, nowSeconds, read }: SessionWatchInput): SessionWatch {
  const judge = createSessionJudge();
  let routes: readonly EncryptedRoute[] = [];
  let last: readonly JudgedPeer[] = [];
  let cancel: (() => void) | undefined;
  const look = async (): Promise<readonly JudgedPeer[]> => {
    const state = await read();
    last = judge(state?.peers ?? [], { nowSeconds: nowSeconds(), steadySeconds: clock.nowMs() / 1000 });
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
  const nodeOf = (used: string): string | undefined =>
    routes.find(({ key: { publicKey, next } }) => [publicKey, next?.publicKey].includes(used))?.node.name;
  return {
    look,
    unanswered() {
      const silent = last.filter(({ session }) => session === "unanswered");
      return silent.map(({ peer }) => ({ peer, node: nodeOf(peer.publicKey) }));
    },
    watch(planned) {
      routes = planned;
      if (cancel === undefined) wait();
    },
    stop() {
      cancel?.();
      cancel = undefined;
      last = [];
    },
  };
}
