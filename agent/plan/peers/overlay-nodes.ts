import type { Cidr } from "../../net/cidr.ts";
import type { Claims } from "./cluster-claims.ts";
import type { Claim, ClusterMember } from "./claim.ts";

/** Another node, as far as the overlay is concerned: see {@link overlayNodes}. */
export interface OverlayNode {
  readonly addresses: readonly string[];
  /** Its PodCIDRs. */
  readonly cidrs: readonly Cidr[];
}

/** A node that was routed to before anybody told of it. */
export interface RememberedPeer {
  readonly destination: Cidr;
  /** Its address; undefined when what tells it is gone. */
  readonly node: string | undefined;
}

export interface OverlayNodesInput {
  readonly claims: Claims["claims"];
  readonly isOwn: (claim: Claim) => boolean;
  readonly remembered: readonly RememberedPeer[];
}

/**
 * Thousands of nodes stay the same from one plan to the next: each is the same object as long as it is, which
 * the rules for it go by.
 */
const known = new WeakMap<ClusterMember, OverlayNode>();

/** All nodes but this one, each with the PodCIDRs that it has and not only claims. */
export function overlayNodes({ claims, isOwn, remembered }: OverlayNodesInput): readonly OverlayNode[] {
  const others = [...claims.values()].filter((claim) => !isOwn(claim) && claim.cidr.prefixLength > 0);
  return [
    ...[...Map.groupBy(others, ({ node }) => node)].map(([node, own]) => overlayNode(node, own)),
    ...remembered.flatMap(({ destination, node }) =>
      node === undefined ? [] : [{ addresses: [node], cidrs: [destination] }],
    ),
  ];
}

function overlayNode(node: ClusterMember, own: readonly Claim[]): OverlayNode {
  const before = known.get(node);
  if (before?.cidrs.length === own.length && own.every(({ cidr }, index) => cidr === before.cidrs[index]))
    return before;
  const made = { addresses: node.addresses, cidrs: own.map(({ cidr }) => cidr) };
  known.set(node, made);
  return made;
}
