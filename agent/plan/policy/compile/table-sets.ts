import { type Family, familyOf } from "../../../net/address.ts";
import type { Cidr } from "../../../net/cidr.ts";
import { addressType } from "../../nft/nft-family.ts";
import { formatSpan, mergeSpans, spanOf } from "./address-spans.ts";
import type { SetSpec } from "./policy-table.ts";

/** Where the cluster has its pods. */
export interface PodNetwork {
  /** PodCIDRs of all nodes. */
  readonly cidrs: readonly Cidr[];
  /**
   * Addresses in them that speak for nodes: what a node sends through the overlay comes from its gateway's.
   */
  readonly gateways: readonly string[];
}

/** Addresses of all pods, with gateways among them. */
export function allPodsSpec(family: Family): SetSpec {
  return { name: `allpods${family}`, type: addressType(family), isInterval: true };
}

export function gatewaysSpec(family: Family): SetSpec {
  return { name: `gateways${family}`, type: addressType(family), isInterval: false };
}

/**
 * Pairs `SOURCE . DESTINATION` that pass whatever policies say: a pod to itself, also through its own
 * service.
 */
export function selfSpec(family: Family): SetSpec {
  return {
    name: `self${family}`,
    type: `${addressType(family)} . ${addressType(family)}`,
    isInterval: false,
  };
}

/** What a set of the pod network has, by name; undefined: it is none. */
export function podNetworkElements(
  name: string,
  { cidrs, gateways }: PodNetwork,
): readonly string[] | undefined {
  for (const family of [4, 6] as const) {
    if (name === gatewaysSpec(family).name)
      return [...new Set(gateways.filter((address) => familyOf(address) === family))];
    if (name === allPodsSpec(family).name)
      return mergeSpans(cidrs.filter((cidr) => cidr.family === family).map(spanOf)).map((span) =>
        formatSpan(span, family),
      );
  }
  return undefined;
}
