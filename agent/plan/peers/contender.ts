import { type AddressRange, pointOf, rangeHolds, rangeOf } from "../../net/address-range.ts";
import { type Cidr, formatCidr } from "../../net/cidr.ts";
import { type Claim, type ClusterMember, compareAge } from "./claim.ts";
import type { Refusal, RefusalReason } from "./refusal.ts";
import type { AddressRole, Surroundings } from "../node/surroundings.ts";

/** Somebody who has or wants a part of the address space. */
export type Contender = PrefixClaim | NodeAddress | Holding;

/** A PodCIDR of a node. */
export interface PrefixClaim {
  readonly kind: "claim";
  readonly isClaim: true;
  readonly range: AddressRange;
  readonly claim: Claim;
}

/** An address of a node. */
export interface NodeAddress {
  readonly kind: "node address";
  readonly isClaim: false;
  readonly range: AddressRange;
  readonly address: string;
  readonly node: ClusterMember;
}

/** What this machine has. */
export interface Holding {
  readonly kind: "holding";
  readonly isClaim: false;
  readonly range: AddressRange;
  readonly reason: RefusalReason;
  /** As in "it holds …". */
  readonly text: string;
}

const ROLES: Readonly<Record<AddressRole, string>> = {
  this_node: "an address of this node",
  gateway: "a gateway of this node",
  dns_server: "a DNS server of this node",
  api_server: "the API server",
};

/**
 * A prefix that holds all of a cluster CIDR is one from which the operator has taken the pods' space on
 * purpose.
 */
export function holdingsOf(
  { addresses, connected }: Surroundings,
  clusterCIDRs: readonly Cidr[],
): readonly Holding[] {
  const cluster = clusterCIDRs.map(rangeOf);
  const isMeant = (range: AddressRange): boolean => cluster.some((inner) => rangeHolds(range, inner));
  const holding = (range: AddressRange, reason: RefusalReason, text: string): Holding => {
    return { kind: "holding", isClaim: false, range, reason, text };
  };
  return [
    ...addresses.map(({ address, role }) => holding(pointOf(address), role, `${address}, ${ROLES[role]}`)),
    ...connected
      .map(({ cidr, link }) =>
        holding(rangeOf(cidr), "connected", `${formatCidr(cidr)}, which link "${link}" is connected to`),
      )
      .filter(({ range }) => !isMeant(range)),
  ];
}

/**
 * Orders those who came first before others: this machine, then nodes by age and name; a node's addresses
 * before its PodCIDRs.
 */
export function compareRank(a: Contender, b: Contender): number {
  const nodeA = nodeOf(a);
  const nodeB = nodeOf(b);
  if (nodeA === undefined || nodeB === undefined)
    return Number(nodeA !== undefined) - Number(nodeB !== undefined);
  return compareAge(nodeA, nodeB) || Number(a.isClaim) - Number(b.isClaim);
}

/** Says why a contender does not count, given who came before it. */
export function refuse(contender: PrefixClaim | NodeAddress, blocker: Contender): Refusal {
  if (contender.kind === "node address") {
    const cause = blocker.kind === "claim" ? `it lies in ${describeClaim(blocker.claim)}` : describe(blocker);
    return refuseAddress(contender.node, contender.address, cause);
  }
  const { claim } = contender;
  if (blocker.kind === "claim") {
    const node = claim.node.name;
    return {
      node,
      reason: "conflict",
      text: `node "${node}" claims ${claim.key}, ${belongs(claim, blocker)}`,
    };
  }
  if (blocker.kind === "node address") return refuseClaim(claim, "other_node", `holds ${describe(blocker)}`);
  const isPart = blocker.reason === "connected" && rangeHolds(blocker.range, claim.range);
  const remedy = isPart ? " (if this is intended, set --cluster-cidr)" : "";
  return refuseClaim(claim, blocker.reason, `${isPart ? "lies in" : "holds"} ${blocker.text}${remedy}`);
}

export function refuseClaim({ key, node: { name } }: Claim, reason: RefusalReason, why: string): Refusal {
  return { node: name, reason, text: `PodCIDR ${key} of node "${name}" is refused: it ${why}` };
}

export function refuseAddress({ name }: ClusterMember, address: string, why: string): Refusal {
  return {
    node: name,
    reason: "node_address",
    text: `address ${address} of node "${name}" is refused: ${why}`,
  };
}

function nodeOf(contender: Contender): ClusterMember | undefined {
  if (contender.kind === "claim") return contender.claim.node;
  return contender.kind === "node address" ? contender.node : undefined;
}

function belongs({ key, range }: Claim, { claim: other, range: around }: PrefixClaim): string {
  const owner = `belongs to node "${other.node.name}"`;
  if (key === other.key) return `which ${owner}`;
  return rangeHolds(around, range)
    ? `which ${owner} as part of ${other.key}`
    : `of which ${other.key} ${owner}`;
}

function describe(contender: Contender): string {
  switch (contender.kind) {
    case "claim":
      return describeClaim(contender.claim);
    case "node address":
      return `${contender.address}, an address of node "${contender.node.name}"`;
    case "holding":
      return contender.text;
  }
}

function describeClaim({ key, node }: Claim): string {
  return `${key}, which belongs to node "${node.name}"`;
}
