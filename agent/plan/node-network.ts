import type { Family } from "../net/address.ts";
import { addressAt, type Cidr } from "../net/cidr.ts";

/**
 * MAC of every node's bridge. It belongs to no address, because pods hold it in permanent neighbour entries that must
 * survive a change of the node's PodCIDR; it may repeat on every node, because the bridge is no layer 2 of any other.
 */
export const BRIDGE_MAC = "0a:58:00:00:00:01";

/** Smallest MTU with which IPv6 works (RFC 8200 section 5); IPv4 needs less. */
export const MIN_MTU = 1280;

/** An address on the bridge, with the PodCIDR's length so that the kernel routes the PodCIDR to the bridge. */
export interface GatewayAddress {
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
}

/** The node's own part of the datapath. */
export interface NodePlan {
  readonly bridge: string;
  readonly mac: string;
  readonly mtu: number;
  readonly gateways: readonly GatewayAddress[];
  /** Links that must forward IPv4, besides the bridge. */
  readonly uplinks: readonly string[];
  readonly families: readonly Family[];
}

export interface NodeNetworkInput {
  readonly bridge: string;
  readonly mtu: number;
  /** PodCIDRs that have or may get pods. */
  readonly podCidrs: readonly Cidr[];
  readonly uplinks: readonly string[];
}

export function planNodeNetwork({ bridge, mtu, podCidrs, uplinks }: NodeNetworkInput): NodePlan {
  return {
    bridge,
    mac: BRIDGE_MAC,
    mtu,
    gateways: podCidrs.map((cidr) => {
      return { family: cidr.family, address: addressAt(cidr, 1n), prefixLength: cidr.prefixLength };
    }),
    uplinks,
    families: [...new Set(podCidrs.map((cidr) => cidr.family))],
  };
}
