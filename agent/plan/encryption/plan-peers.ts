import { isSameList } from "../../lib/same-list.ts";
import type { NodeKey } from "../peers/claim.ts";
import type { EncryptedRoute } from "../peers/peer-routes.ts";
import type { WireGuardPeerPlan, WireGuardState } from "./wireguard.ts";

/** Next keys that their nodes use by now. */
export type SwitchedKeys = ReadonlySet<string>;

/**
 * Plans the peers of the WireGuard device, by the names of their nodes, with what the cluster says that each
 * has. What a node may send from is checked by its key: its PodCIDRs, and its own addresses, under which it
 * answers pods that speak to it without masquerade. A device knows one peer for each address: one that two
 * nodes claim is that of the node whose route comes first. A node that rotates its keys is a second peer
 * under its next one, which has nothing before the node uses that key, and all from then on.
 *
 * A peer is the same object as long as it is planned the same: of thousands of nodes one or two change at
 * once.
 */
export function createWireGuardPeerPlanner(): (
  routes: readonly EncryptedRoute[],
  switched: SwitchedKeys,
) => ReadonlyMap<string, WireGuardPeerPlan> {
  let last: ReadonlyMap<string, WireGuardPeerPlan> = new Map();
  return (routes, switched) => {
    const taken = new Set<string>();
    const peers = new Map<string, WireGuardPeerPlan>();
    for (const own of Map.groupBy(routes, ({ node }) => node.name).values()) {
      const [first] = own;
      if (first === undefined) continue;
      const addresses = without(first.node.addresses, taken);
      for (const address of addresses) taken.add(address);
      for (const wanted of wantedOf(own, addresses, switched)) {
        const before = last.get(wanted.name);
        peers.set(wanted.name, before !== undefined && isAs(wanted, before) ? before : makePeer(wanted));
      }
    }
    last = peers;
    return peers;
  };
}

/** What a peer is made of. */
interface WantedPeer {
  readonly name: string;
  readonly key: NodeKey;
  /** The node's address, and the port at which it has the key. */
  readonly remote: string;
  readonly port: number;
  readonly routes: readonly EncryptedRoute[];
  readonly addresses: readonly string[];
  readonly isCalled: boolean;
}

/** The peers that a node is. */
function wantedOf(
  routes: readonly EncryptedRoute[],
  addresses: readonly string[],
  switched: SwitchedKeys,
): readonly WantedPeer[] {
  const [first] = routes;
  if (first === undefined) return [];
  const { node, key, remote } = first;
  const { port, next } = key;
  const hasSwitched = next !== undefined && switched.has(next.publicKey);
  const used = hasSwitched ? next : key;
  const peer = { name: node.name, key: used, remote, port, routes, addresses, isCalled: false };
  if (next === undefined || hasSwitched) return [peer];
  const called = { key: next, remote, port: next.port, routes: [], addresses: [], isCalled: true };
  return [peer, { name: nextNameOf(node.name), ...called }];
}

/** Compares prefixes by identity, as they are the same in routes that are. */
function isAs(
  { key, remote, port, routes, addresses, isCalled }: WantedPeer,
  peer: WireGuardPeerPlan,
): boolean {
  const { publicKey, endpoint, allowedIps, allowedAddresses = [] } = peer;
  return (
    publicKey === key.publicKey &&
    endpoint.address === remote &&
    endpoint.port === port &&
    (peer.isCalled ?? false) === isCalled &&
    allowedIps.length === routes.length &&
    routes.every(({ destination }, index) => allowedIps[index] === destination) &&
    isSameList(allowedAddresses, addresses)
  );
}

function makePeer({ key, remote, port, routes, addresses, isCalled }: WantedPeer): WireGuardPeerPlan {
  const { publicKey } = key;
  const endpoint = { address: remote, port };
  if (isCalled) return { publicKey, endpoint, allowedIps: [], isCalled };
  const allowedIps = routes.map(({ destination }) => destination);
  return { publicKey, endpoint, allowedIps, allowedAddresses: addresses };
}

/** The same array where none is taken: thousands are kept. */
function without(addresses: readonly string[], taken: ReadonlySet<string>): readonly string[] {
  return addresses.some((address) => taken.has(address))
    ? addresses.filter((address) => !taken.has(address))
    : addresses;
}

/** Name of the peer that a node is under its next key. */
function nextNameOf(node: string): string {
  return `${node} (next key)`;
}

/** The peers of the device of this node's next key: all keys of all nodes, to let them show that they know it. */
export function planNextPeers(routes: readonly EncryptedRoute[]): ReadonlyMap<string, WireGuardPeerPlan> {
  const peers = new Map<string, WireGuardPeerPlan>();
  for (const { node, remote, key } of routes) {
    const { publicKey, port, next } = key;
    const endpoint = { address: remote, port };
    peers.set(node.name, { publicKey, endpoint, allowedIps: [] });
    if (next !== undefined)
      peers.set(nextNameOf(node.name), { publicKey: next.publicKey, endpoint, allowedIps: [] });
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
    routes.flatMap(({ key: { next } }) => (next === undefined ? [] : [[next.publicKey, next.port]])),
  );
  const found = (state?.peers ?? []).filter(({ publicKey, endpoint, lastHandshake }) => {
    const port = ports.get(publicKey);
    return port !== undefined && lastHandshake > 0 && endpoint !== undefined && endpoint.port !== port;
  });
  return new Set(found.map(({ publicKey }) => publicKey));
}
