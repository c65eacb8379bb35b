import type { Cidr } from "../../net/cidr.ts";
import type { Claims } from "./cluster-claims.ts";
import type { Claim } from "./claim.ts";

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

/** All nodes but this one, each with the PodCIDRs that it has and not only claims. */
export function overlayNodes({ claims, isOwn, remembered }: OverlayNodesInput): readonly OverlayNode[] {
  const others = [...claims.values()].filter((claim) => !isOwn(claim) && claim.cidr.prefixLength > 0);
  return [
    ...Array.from(
      Map.groupBy(others, ({ node }) => node),
      ([{ addresses }, own]) => {
        return { addresses, cidrs: own.map(({ cidr }) => cidr) };
      },
    ),
    ...remembered.flatMap(({ destination, node }) =>
      node === undefined ? [] : [{ addresses: [node], cidrs: [destination] }],
    ),
  ];
}
