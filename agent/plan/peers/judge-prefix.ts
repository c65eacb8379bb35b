import type { Family } from "../../net/address.ts";
import { type AddressRange, pointOf, rangeHolds, rangeOf, rangesOverlap } from "../../net/address-range.ts";
import { type Cidr, formatCidr, parseCidr } from "../../net/cidr.ts";
import type { RefusalReason } from "./refusal.ts";

export interface Fault {
  readonly reason: RefusalReason;
  /** Goes on after "…: it". */
  readonly text: string;
}

/** A wider PodCIDR is a typing error or an attack, unless the operator names a cluster CIDR that holds it. */
const SHORTEST_PREFIX: Readonly<Record<Family, number>> = { 4: 8, 6: 16 };

/** The longest prefix that has an address for a pod, besides the gateway and what IPv4 keeps. */
const LONGEST_PREFIX: Readonly<Record<Family, number>> = { 4: 30, 6: 126 };

interface Reserved {
  readonly range: AddressRange;
  readonly text: string;
}

/**
 * Addresses that mean something else everywhere (RFC 6890, RFC 4291, RFC 6052, RFC 8215). 240.0.0.0/4 is
 * none: there are clusters whose pods live there.
 */
const RESERVED: readonly Reserved[] = (
  [
    ["0.0.0.0/8", "unspecified addresses"],
    ["127.0.0.0/8", "loopback addresses"],
    ["169.254.0.0/16", "link-local addresses"],
    ["224.0.0.0/4", "multicast addresses"],
    ["255.255.255.255/32", "the broadcast address"],
    ["::/80", "unspecified, loopback and IPv4-mapped addresses"],
    ["64:ff9b::/96", "IPv4 addresses behind NAT64"],
    ["64:ff9b:1::/48", "IPv4 addresses behind NAT64"],
    ["fe80::/10", "link-local addresses"],
    ["ff00::/8", "multicast addresses"],
  ] as const
).map(([prefix, what]) => ({ range: knownRange(prefix), text: `${what} (${prefix})` }));

/**
 * What no node can have as its address. IPv4's link-local addresses are let through: small networks without a
 * DHCP server use them. So are those behind NAT64, where a node with IPv6 alone reaches others.
 */
const UNREACHABLE: readonly Reserved[] = RESERVED.filter(
  ({ text }) => !text.endsWith("(169.254.0.0/16)") && !text.includes("NAT64"),
);

/** What is wrong with a PodCIDR whoever has it; undefined when nothing is. */
export function judgePrefix(
  cidr: Cidr,
  range: AddressRange,
  clusterCIDRs: readonly Cidr[],
): Fault | undefined {
  const { family, prefixLength } = cidr;
  if (clusterCIDRs.length > 0 && !clusterCIDRs.some((cluster) => rangeHolds(rangeOf(cluster), range))) {
    const names = clusterCIDRs.map(formatCidr).join(", ");
    return { reason: "outside_cluster_cidr", text: `lies outside --cluster-cidr ${names}` };
  }
  if (clusterCIDRs.length === 0 && prefixLength < SHORTEST_PREFIX[family]) {
    const text = `is wider than /${SHORTEST_PREFIX[family]} (if this is intended, set --cluster-cidr)`;
    return { reason: "too_wide", text };
  }
  if (prefixLength > LONGEST_PREFIX[family])
    return {
      reason: "too_narrow",
      text: `has no address for a pod: it must be /${LONGEST_PREFIX[family]} or shorter`,
    };
  const reserved = RESERVED.find((other) => rangesOverlap(other.range, range));
  return reserved && { reason: "reserved", text: `contains ${reserved.text}` };
}

/** Why no other node can be at this address; undefined when one can. `own`: addresses of this node. */
export function judgeNodeAddress(address: string, own: ReadonlySet<string>): string | undefined {
  if (own.has(address)) return "it is an address of this node";
  const point = pointOf(address);
  const reserved = UNREACHABLE.find(({ range }) => rangeHolds(range, point));
  return reserved && `it belongs to ${reserved.text}`;
}

function knownRange(prefix: string): AddressRange {
  const cidr = parseCidr(prefix);
  if (cidr === undefined) throw new RangeError(`Cannot read prefix "${prefix}"`);
  return rangeOf(cidr);
}
