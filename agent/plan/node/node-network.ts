import type { Family } from "../../net/address.ts";
import { addressAt, type Cidr } from "../../net/cidr.ts";
import { BRIDGE_MAC } from "../../net/host-link.ts";

/**
 * Smallest MTU of pods by family: what every host must take (RFC 791 section 3.1), and with less the kernel
 * takes IPv6 off a link (RFC 8200 section 5).
 */
export const MIN_MTU: Readonly<Record<Family, number>> = { 4: 576, 6: 1280 };

/** Smallest MTU of pods with these families. */
export function minMtu(families: Iterable<Family>): number {
  return new Set(families).has(6) ? MIN_MTU[6] : MIN_MTU[4];
}

/**
 * An address on the bridge, with the PodCIDR's length so that the kernel routes the PodCIDR to the bridge.
 */
export interface GatewayAddress {
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  /**
   * Of a PodCIDR that the node no longer has, kept for the pods that still use it. The kernel's own mark for
   * an address not to be used for anything new (RFC 4862 section 5.5.4) lets a restarted agent tell which
   * PodCIDRs were current.
   */
  readonly deprecated: boolean;
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
  /** PodCIDRs of the node, in order. */
  readonly podCidrs: readonly Cidr[];
  /** PodCIDRs that the node had before and that pods still use. */
  readonly formerCidrs: readonly Cidr[];
  readonly uplinks: readonly string[];
}

export function planNodeNetwork(input: NodeNetworkInput): NodePlan {
  const { bridge, mtu, podCidrs, formerCidrs, uplinks } = input;
  const gateway = (cidr: Cidr, deprecated: boolean): GatewayAddress => {
    const { family, prefixLength } = cidr;
    return { family, address: addressAt(cidr, 1n), prefixLength, deprecated };
  };
  return {
    bridge,
    mac: BRIDGE_MAC,
    mtu,
    gateways: [
      ...podCidrs.map((cidr) => gateway(cidr, false)),
      ...formerCidrs.map((cidr) => gateway(cidr, true)),
    ],
    uplinks,
    families: [...new Set([...podCidrs, ...formerCidrs].map((cidr) => cidr.family))],
  };
}
