import { addressAt, type Cidr } from "../../net/cidr.ts";
import type { Underlay } from "../../plan/node/underlay.ts";

/** This node's side of what is between nodes, as last made. */
export interface LocalNetwork {
  readonly addresses: readonly string[];
  readonly podCidrs: readonly Cidr[];
  /** PodCIDRs that the node had before and that pods still use. */
  readonly formerCidrs: readonly Cidr[];
  readonly underlay: Underlay;
}

/** The address that each PodCIDR's bridge has. */
export function gatewaysOf(podCidrs: readonly Cidr[]): readonly string[] {
  return podCidrs.map((cidr) => addressAt(cidr, 1n));
}

/** Prefixes in which pods of this node live. */
export function livePrefixes({ podCidrs, formerCidrs }: LocalNetwork): readonly Cidr[] {
  return [...podCidrs, ...formerCidrs];
}
