import type { Cidr } from "../net/cidr.ts";
import { addressBits } from "../net/cidr.ts";
import type { Surroundings } from "./surroundings.ts";

/** A prefix whose addresses are one hop away. */
export interface Subnet {
  readonly cidr: Cidr;
  readonly linkIndex: number;
}

/** A link that can carry traffic to other nodes. */
export interface Uplink {
  readonly name: string;
  readonly mtu: number;
}

/** How this node is connected to others. */
export interface Underlay {
  /** The links that carry the node's addresses, first those, and the links of its default routes. */
  readonly uplinks: readonly Uplink[];
  /** Of addresses on links that are up and not ours; the most specific first, as the kernel would choose. */
  readonly subnets: readonly Subnet[];
  /** Those of the node's addresses that a link which is up has, with that link's MTU. */
  readonly addresses: ReadonlyMap<string, number>;
  /**
   * Addresses of services, which kube-proxy in IPVS mode puts on a link of its own: the kernel takes them for the node's, and they are not
   * (kubernetes/kubernetes#131765).
   */
  readonly serviceAddresses: readonly string[];
  readonly surroundings: Surroundings;
}

/** The link of kube-proxy in IPVS mode (DefaultDummyDevice of pkg/proxy/ipvs). */
export const SERVICE_LINK = "kube-ipvs0";

/** Orders subnets as {@link Underlay} has them, without those that hold a single address: nobody else is on them. */
export function sortSubnets(subnets: readonly Subnet[]): readonly Subnet[] {
  return subnets
    .filter(({ cidr }) => cidr.prefixLength < addressBits(cidr.family))
    .toSorted((a, b) => b.cidr.prefixLength - a.cidr.prefixLength);
}
