import { isSameList } from "../../lib/same-list.ts";
import { hostCidr } from "../../net/cidr.ts";
import type { EncryptedRoute } from "../peers/peer-routes.ts";
import type { WireGuardPeerPlan, WireGuardState } from "./wireguard.ts";

/** Next keys that their nodes use by now. */
export type SwitchedKeys = ReadonlySet<string>;

/** The peers of a node, and what they were planned for. */
interface KnownPeers {
  readonly routes: readonly EncryptedRoute[];
  readonly addresses: readonly string[];
  readonly hasSwitched: boolean;
  readonly peers: readonly (readonly [name: string, peer: WireGuardPeerPlan])[];
}

/**
 * Plans the peers of the WireGuard device, by the names of their nodes, with what the cluster says that each
 * has. What a node may send from is checked by its key: its PodCIDRs, and its own addresses, under which it
 * answers pods that speak to it without masquerade. A device knows one peer for each address: one that two
 * nodes claim is that of the node whose route comes first. A node that rotates its keys is a second peer
 * under its next one, which has nothing before the node uses that key, and all from then on.
 *
 * A peer is remembered for its routes, and is the same object until one of them changes: of thousands of
 * nodes one or two do at once.
 */
export function createWireGuardPeerPlanner(): (
  routes: readonly EncryptedRoute[],
  switched: SwitchedKeys,
) => ReadonlyMap<string, WireGuardPeerPlan> {
  const known = new WeakMap<EncryptedRoute, KnownPeers>();
  return (routes, switched) => {
    const taken = new Set<string>();
    const peers = new Map<string, WireGuardPeerPlan>();
    for (const own of Map.groupBy(routes, (route) => route.node).values()) {
      const [first] = own;
      if (first === undefined) continue;
      const addresses = first.addresses.filter((address) => !taken.has(address));
      for (const address of addresses) taken.add(address);
      const hasSwitched = first.next !== undefined && switched.has(first.next.publicKey);
      const before = known.get(first);
      const isSame =
        before !== undefined &&
        isSameList(before.routes, own) &&
        isSameList(before.addresses, addresses) &&
        before.hasSwitched === hasSwitched;
      const planned = isSame ? before.peers : planNode(own, addresses, hasSwitched);
      if (!isSame) known.set(first, { routes: own, addresses, hasSwitched, peers: planned });
      for (const [name, peer] of planned) peers.set(name, peer);
    }
    return peers;
  };
}

function planNode(
  routes: readonly EncryptedRoute[],
  addresses: readonly string[],
  hasSwitched: boolean,
): KnownPeers["peers"] {
  const [first] = routes;
  if (first === undefined) return [];
  const { node, publicKey, remote, port, next } = first;
  const allowedIps = [...routes.map(({ destination }) => destination), ...addresses.map(hostCidr)];
  const peer = { publicKey, endpoint: { address: remote, port }, allowedIps };
  if (next === undefined) return [[node, peer]];
  if (hasSwitched) return [[node, { ...peer, publicKey: next.publicKey }]];
  const endpoint = { address: remote, port: next.port };
  const called = { publicKey: next.publicKey, endpoint, allowedIps: [], isCalled: true };
  return [
    [node, peer],
    [nextNameOf(node), called],
  ];
}

/** Name of the peer that a node is under its next key. */
function nextNameOf(node: string): string {
  return `${node} (next key)`;
}

/** The peers of the device of this node's next key: all keys of all nodes, to let them show that they know it. */
export function planNextPeers(routes: readonly EncryptedRoute[]): ReadonlyMap<string, WireGuardPeerPlan> {
  const peers = new Map<string, WireGuardPeerPlan>();
  for (const { node, remote, port, publicKey, next } of routes) {
    const endpoint = { address: remote, port };
    peers.set(node, { publicKey, endpoint, allowedIps: [] });
    if (next !== undefined)
      peers.set(nextNameOf(node), { publicKey: next.publicKey, endpoint, allowedIps: [] });
  }
  return peers;
}

/**
 * The next keys that their nodes have begun to use: who shows one knows it answers at the port that is told
 * with it, and who uses it sends from another.
 */
export function findSwitched(
  routes: readonly EncryptedRoute[],
  state: WireGuardState | undefined,
): SwitchedKeys {
  const ports = new Map(
    routes.flatMap(({ next }) => (next === undefined ? [] : [[next.publicKey, next.port]])),
  );
  const found = (state?.peers ?? []).filter(({ publicKey, endpoint, lastHandshake }) => {
    const port = ports.get(publicKey);
    return port !== undefined && lastHandshake > 0 && endpoint !== undefined && endpoint.port !== port;
  });
  return new Set(found.map(({ publicKey }) => publicKey));
}
