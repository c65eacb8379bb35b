import { familyOf } from "../../net/address.ts";
import { addressBits, type Cidr, cidrOf } from "../../net/cidr.ts";
import type { EncryptedRoute } from "../peers/peer-routes.ts";
import type { WireGuardPeerPlan } from "./wireguard.ts";

/**
 * The peers of the WireGuard device, by the names of their nodes, with what the cluster says that each has.
 * What a node may send from is checked by its key: its PodCIDRs, and its own addresses, under which it
 * answers pods that speak to it without masquerade. A device knows one peer for each address: one that two
 * nodes claim is that of the node whose route comes first.
 */
export function planWireGuardPeers(
  routes: readonly EncryptedRoute[],
): ReadonlyMap<string, WireGuardPeerPlan> {
  const taken = new Set<string>();
  return new Map(
    [...Map.groupBy(routes, ({ node }) => node)].map(([node, own]) => [node, planPeer(own, taken)]),
  );
}

function planPeer(routes: readonly EncryptedRoute[], taken: Set<string>): WireGuardPeerPlan {
  const [first] = routes;
  if (first === undefined) throw new RangeError("Cannot plan a WireGuard peer without a route");
  const addresses = first.addresses.filter((address) => !taken.has(address));
  for (const address of addresses) taken.add(address);
  return {
    publicKey: first.publicKey,
    endpoint: { address: first.remote, port: first.port },
    allowedIps: [...routes.map(({ destination }) => destination), ...addresses.map(hostPrefix)],
  };
}

function hostPrefix(address: string): Cidr {
  return cidrOf(address, addressBits(familyOf(address)));
}
