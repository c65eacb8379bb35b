import { type AddressRange, firstAddress, pointOf, rangeHolds, rangeOf } from "../../net/address-range.ts";
import { type Cidr, formatCidr } from "../../net/cidr.ts";
import { type Claim, type ClusterMember, compareAge } from "./claim.ts";
import type { Refusal, RefusalReason } from "./refusal.ts";
import type { AddressRole, Surroundings } from "../node/surroundings.ts";

/** Somebody who has or wants a part of the address space. */
export type Contender = Claim | NodeAddress | Holding;

/** An address of a node. */
export interface NodeAddress {
  readonly kind: "node address";
  /** Of the address alone. */
  readonly range: AddressRange;
  readonly node: ClusterMember;
}

/** What this machine has. */
export interface Holding {
  readonly kind: "holding";
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
    return { kind: "holding", range, reason, text };
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
  if (a.kind === "holding" || b.kind === "holding")
    return Number(a.kind !== "holding") - Number(b.kind !== "holding");
  return compareAge(a.node, b.node) || Number(a.kind === "claim") - Number(b.kind === "claim");
}

/** Says why a contender does not count, given who came before it. */
export function refuse(contender: Claim | NodeAddress, blocker: Contender): Refusal {
  if (contender.kind === "node address") {
    const cause = blocker.kind === "claim" ? `it lies in ${describeClaim(blocker)}` : describe(blocker);
    return refuseAddress(contender.node, firstAddress(contender.range), cause);
  }
  const { key, node, range } = contender;
  if (blocker.kind === "claim") {
    const text = `node "${node.name}" claims ${key}, ${belongs(contender, blocker)}`;
    return { node: node.name, reason: "conflict", text };
  }
  if (blocker.kind === "node address")
    return refuseClaim(contender, "other_node", `holds ${describe(blocker)}`);
  const isPart = blocker.reason === "connected" && rangeHolds(blocker.range, range);
  const remedy = isPart ? " (if this is intended, set --cluster-cidr)" : "";
  return refuseClaim(contender, blocker.reason, `${isPart ? "lies in" : "holds"} ${blocker.text}${remedy}`);
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

function belongs({ key, range }: Claim, other: Claim): string {
  const owner = `belongs to node "${other.node.name}"`;
  if (key === other.key) return `which ${owner}`;
  return rangeHolds(other.range, range)
    ? `which ${owner} as part of ${other.key}`
    : `of which ${other.key} ${owner}`;
}

function describe(contender: Contender): string {
  switch (contender.kind) {
    case "claim":
      return describeClaim(contender);
    case "node address":
      return `${firstAddress(contender.range)}, an address of node "${contender.node.name}"`;
    case "holding":
      return contender.text;
  }
}

function describeClaim({ key, node }: Claim): string {
  return `${key}, which belongs to node "${node.name}"`;
}
