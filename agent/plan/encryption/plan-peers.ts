import { familyOf } from "../../net/address.ts";
import { addressBits, type Cidr, cidrOf } from "../../net/cidr.ts";
import type { EncryptedRoute } from "../peers/peer-routes.ts";
import type { WireGuardPeerPlan } from "./wireguard.ts";

/** A peer, and what it was planned for. */
interface KnownPeer {
  readonly routes: readonly EncryptedRoute[];
  readonly addresses: readonly string[];
  readonly peer: WireGuardPeerPlan;
}

/**
 * Plans the peers of the WireGuard device, by the names of their nodes, with what the cluster says that each
 * has. What a node may send from is checked by its key: its PodCIDRs, and its own addresses, under which it
 * answers pods that speak to it without masquerade. A device knows one peer for each address: one that two
 * nodes claim is that of the node whose route comes first.
 *
 * A peer is remembered for its routes, and is the same object until one of them changes: of thousands of
 * nodes one or two do at once.
 */
export function createWireGuardPeerPlanner(): (
  routes: readonly EncryptedRoute[],
) => ReadonlyMap<string, WireGuardPeerPlan> {
  const known = new WeakMap<EncryptedRoute, KnownPeer>();
  return (routes) => {
    const taken = new Set<string>();
    const peers = new Map<string, WireGuardPeerPlan>();
    for (const [node, own] of Map.groupBy(routes, (route) => route.node)) {
      const [first] = own;
      if (first === undefined) continue;
      const addresses = first.addresses.filter((address) => !taken.has(address));
      for (const address of addresses) taken.add(address);
      const before = known.get(first);
      const isSame = isSameList(before?.routes, own) && isSameList(before?.addresses, addresses);
      const peer = isSame && before !== undefined ? before.peer : planPeer(first, own, addresses);
      if (peer !== before?.peer) known.set(first, { routes: own, addresses, peer });
      peers.set(node, peer);
    }
    return peers;
  };
}

function isSameList<Item>(before: readonly Item[] | undefined, now: readonly Item[]): boolean {
  return before?.length === now.length && now.every((item, index) => item === before[index]);
}

function planPeer(
  { publicKey, remote, port }: EncryptedRoute,
  routes: readonly EncryptedRoute[],
  addresses: readonly string[],
): WireGuardPeerPlan {
  return {
    publicKey,
    endpoint: { address: remote, port },
    allowedIps: [...routes.map(({ destination }) => destination), ...addresses.map(hostPrefix)],
  };
}

function hostPrefix(address: string): Cidr {
  return cidrOf(address, addressBits(familyOf(address)));
}
