import type { Clock } from "../../lib/clock.ts";
import { NEXT_DEVICE, WIREGUARD_DEVICE } from "../../plan/encryption/plan-device.ts";
import type { WireGuardState } from "../../plan/encryption/wireguard.ts";

export interface HandshakeWatchInput {
  readonly clock: Clock;
  readonly read: (device: string) => Promise<WireGuardState | undefined>;
  readonly onChange: () => void;
}

export interface HandshakeWatch {
  /** Looks from now on, or no more. */
  set(isNeeded: boolean): void;
  stop(): void;
}

/**
 * The kernel tells nobody of a handshake. Packets of a node that has begun to use its next key are dropped
 * until this one has seen that: so it looks often at first, and less when a rotation takes long, at the end
 * of which the node publishes its key.
 */
const FAST = { everyMs: 100, forMs: 10_000 };
const SLOW_MS = 1000;

/** Looks for handshakes with next keys, of this node and of others, while there are any. */
export function createHandshakeWatch({ clock, read, onChange }: HandshakeWatchInput): HandshakeWatch {
  let isNeeded = false;
  let last = "";
  let fastUntilMs = 0;
  let cancel: (() => void) | undefined;

  const look = async (): Promise<void> => {
    const [current, next] = await Promise.all([read(WIREGUARD_DEVICE), read(NEXT_DEVICE)]);
    const seen = JSON.stringify([describePeers(current), describePeers(next)]);
    if (seen === last || !isNeeded) return;
    last = seen;
    fastUntilMs = clock.nowMs() + FAST.forMs;
    onChange();
  };
  const wait = (): void => {
    const delayMs = clock.nowMs() < fastUntilMs ? FAST.everyMs : SLOW_MS;
    cancel = clock.after(delayMs, () => {
      // What the kernel refuses now, a run will tell.
      void look()
        .catch(() => undefined)
        .finally(() => {
          if (isNeeded) wait();
        });
    });
  };
  const set = (wanted: boolean): void => {
    if (wanted === isNeeded) return;
    isNeeded = wanted;
    last = "";
    cancel?.();
    if (!wanted) return;
    fastUntilMs = clock.nowMs() + FAST.forMs;
    wait();
  };
  return { set, stop: () => set(false) };
}

/** Of peers under next keys, which have no prefix: whether they have answered, and from which port. */
function describePeers(state: WireGuardState | undefined): readonly string[] {
  const peers = (state?.peers ?? []).filter(({ allowedIps }) => allowedIps.length === 0);
  return peers.map(
    ({ publicKey, endpoint, lastHandshake }) => `${publicKey} ${endpoint?.port} ${lastHandshake > 0}`,
  );
}
