import type { EncryptedRoute } from "../peers/peer-routes.ts";
import { sessionOf } from "./peer-session.ts";
import type { WireGuardState } from "./wireguard.ts";

/**
 * How long the next key waits for nodes that have not shown that they know it: for one that has a session
 * with the old key, which would end, as while its agent is away; and for one that has none.
 */
export const ROTATION_WAIT_MS = { withSession: 3_600_000, withoutSession: 60_000 } as const;

export interface KeyAge {
  readonly publicKey: string;
  readonly ageMs: number;
  /** 0: never. */
  readonly rotateAfterMs: number;
}

/**
 * Whether a key is as old as keys may get: between 90 and 100 percent of what is set, which the key decides.
 * So nodes that were started together do not rotate their keys together.
 */
export function isTooOld({ publicKey, ageMs, rotateAfterMs }: KeyAge): boolean {
  const share = Buffer.from(publicKey).reduce((sum, byte) => (sum * 31 + byte) % 1009, 0);
  return rotateAfterMs > 0 && ageMs >= rotateAfterMs * (0.9 + share / 10_090);
}

export interface RotationInput {
  /** Routes to all nodes that have keys. */
  readonly routes: readonly EncryptedRoute[];
  /** The device of the key in use. */
  readonly current: WireGuardState | undefined;
  /** That of the next one. */
  readonly next: WireGuardState | undefined;
  /** Since others can read the next key. */
  readonly waitedMs: number;
  readonly nowSeconds: number;
}

export interface RotationProgress {
  /** Nodes that have keys. */
  readonly nodes: number;
  /** Names of those that have not shown that they know the next key. */
  readonly waitingFor: readonly string[];
  /** Whether the next key can be used from now on. */
  readonly isReady: boolean;
}

/** How far a rotation is whose next key is published. */
export function planRotation({
  routes,
  current,
  next,
  waitedMs,
  nowSeconds,
}: RotationInput): RotationProgress {
  const nodes = [...new Map(routes.map((route) => [route.node.name, route])).values()];
  const knowing = keysWhere(next, ({ lastHandshake }) => lastHandshake > 0);
  const talking = keysWhere(current, (peer) => sessionOf(peer, nowSeconds) === "live");
  const has = (keys: ReadonlySet<string>, { key }: EncryptedRoute): boolean =>
    keys.has(key.publicKey) || (key.next !== undefined && keys.has(key.next.publicKey));
  const waiting = nodes.filter((route) => !has(knowing, route));
  const isReady = waiting.every((route) => {
    const { withSession, withoutSession } = ROTATION_WAIT_MS;
    return waitedMs >= (has(talking, route) ? withSession : withoutSession);
  });
  return { nodes: nodes.length, waitingFor: waiting.map(({ node }) => node.name), isReady };
}

type PeerState = WireGuardState["peers"][number];

function keysWhere(
  state: WireGuardState | undefined,
  isWanted: (peer: PeerState) => boolean,
): ReadonlySet<string> {
  return new Set((state?.peers ?? []).filter(isWanted).map(({ publicKey }) => publicKey));
}
