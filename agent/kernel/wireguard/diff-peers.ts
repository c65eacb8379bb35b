import { formatCidr } from "../../net/cidr.ts";
import type { WireGuardPeerChange } from "../../netlink/wireguard/set-device.ts";
import { sessionOf } from "../../plan/encryption/peer-session.ts";
import {
  allowedIpsOf,
  type WireGuardEndpoint,
  type WireGuardPeerPlan,
  type WireGuardPeerState,
} from "../../plan/encryption/wireguard.ts";

/** A peer as it was made last, or as the kernel has told it. */
export type SeenPeer = WireGuardPeerPlan | WireGuardPeerState;

export interface PeersDiff {
  readonly changes: readonly WireGuardPeerChange[];
  /** What is not as planned, in words. */
  readonly faults: readonly string[];
}

export interface PeersDiffInput {
  /** Device name. */
  readonly name: string;
  /** By the names of their nodes. */
  readonly planned: ReadonlyMap<string, WireGuardPeerPlan>;
  /** By public key. */
  readonly seen: ReadonlyMap<string, SeenPeer>;
  /** What the kernel was given last, by public key; none of a peer that another process made. */
  readonly given: ReadonlyMap<string, Pick<WireGuardPeerPlan, "endpoint">>;
  readonly prune: boolean;
  /** Whether peers that come are called. */
  readonly callsNew: boolean;
  /** Unix time. */
  readonly nowSeconds: number;
}

/**
 * What must change of the peers. Those that come or change go first: a prefix moves to its new peer before
 * the old one goes, so that it always has one. Pure.
 */
export function diffPeers(input: PeersDiffInput): PeersDiff {
  const { name, planned, seen, prune } = input;
  const changes: WireGuardPeerChange[] = [];
  const faults: string[] = [];
  const keys = new Set<string>();
  for (const [node, peer] of planned) {
    keys.add(peer.publicKey);
    const before = seen.get(peer.publicKey);
    if (before === peer) continue;
    const { change, fault } = diffPeer(peer, before, input);
    if (change === undefined) continue;
    changes.push(change);
    if (before === undefined) faults.push(`WireGuard device "${name}" lacks peer "${node}"`);
    else if (fault !== undefined)
      faults.push(`peer "${node}" of WireGuard device "${name}" has an unexpected ${fault}`);
  }
  if (prune)
    for (const publicKey of seen.keys()) {
      if (keys.has(publicKey)) continue;
      changes.push({ publicKey, remove: true });
      faults.push(`WireGuard device "${name}" has unexpected peer ${publicKey}`);
    }
  return { changes, faults };
}

interface PeerDiff {
  /** Undefined if the peer is as planned. */
  readonly change?: WireGuardPeerChange;
  /** What is not as planned; undefined of a peer that is only called again. */
  readonly fault?: string;
}

function diffPeer(
  peer: WireGuardPeerPlan,
  seen: SeenPeer | undefined,
  input: Pick<PeersDiffInput, "given" | "callsNew" | "nowSeconds">,
): PeerDiff {
  const { publicKey, endpoint } = peer;
  const allowedIps = allowedIpsOf(peer);
  const isMet = seen === undefined && input.callsNew;
  const call = isMet || isSilent(peer, seen) ? { calls: true } : {};
  if (seen === undefined)
    return { change: { publicKey, endpoint, replaceAllowedIps: true, allowedIps, ...call } };
  const wanted = new Set(allowedIps.map(formatCidr));
  const present = new Set(allowedIpsOf(seen).map(formatCidr));
  const missing = allowedIps.filter((cidr) => !present.has(formatCidr(cidr)));
  const hasSurplus = [...present].some((cidr) => !wanted.has(cidr));
  const moves = !isSameEndpoint(endpoint, seen.endpoint) && !hasMovedItself(peer, seen, input);
  const { extras = [] } = "extras" in seen ? seen : {};
  const differences = [
    ...(moves ? ["endpoint"] : []),
    ...(hasSurplus || missing.length > 0 ? ["set of prefixes"] : []),
    ...extras,
  ];
  if (differences.length === 0) return "calls" in call ? { change: { publicKey, ...call } } : {};
  return {
    change: {
      publicKey,
      ...(moves ? { endpoint } : {}),
      // Only all of them can be taken away.
      ...(hasSurplus ? { replaceAllowedIps: true, allowedIps } : { allowedIps: missing }),
      ...(extras.length > 0 ? { clearsExtras: true } : {}),
      ...call,
    },
    fault: differences.join(", "),
  };
}

/** Whether a peer that is to be called has not been, or has not answered. */
function isSilent({ isCalled = false }: WireGuardPeerPlan, seen: SeenPeer | undefined): boolean {
  return isCalled && (seen === undefined || ("lastHandshake" in seen && seen.lastHandshake === 0));
}

function isSameEndpoint(a: WireGuardEndpoint, b: WireGuardEndpoint | undefined): boolean {
  return a.address === b?.address && a.port === b.port;
}

/**
 * Whether a peer that was given the planned endpoint has a session, and so is where its packets come from: at
 * another of its node's addresses, for instance.
 */
function hasMovedItself(
  { publicKey, endpoint }: WireGuardPeerPlan,
  seen: SeenPeer,
  { given, nowSeconds }: Pick<PeersDiffInput, "given" | "nowSeconds">,
): boolean {
  const isAlive = "lastHandshake" in seen && sessionOf(seen, nowSeconds) === "live";
  return isAlive && isSameEndpoint(endpoint, given.get(publicKey)?.endpoint);
}
