import type { RangedCidr } from "../../net/address-range.ts";

/** What a node publishes so that others encrypt what they send to its pods. */
export interface NodeKey {
  /** Of WireGuard: X25519, 32 bytes in base64. */
  readonly publicKey: string;
  /** UDP port of its WireGuard device. */
  readonly port: number;
}

/** The key that a node uses, and while it rotates its keys the one that comes next. */
export interface NodeKeys extends NodeKey {
  /** Its port is where the node answers who knows the key, not where it will use it. */
  readonly next?: NodeKey | undefined;
}

/** Keys, or why what a node publishes is none, as in "its key …". */
export type PublishedKey = NodeKeys | { readonly fault: string };

/** A node of the cluster, as far as its pods' traffic is concerned. */
export interface ClusterMember {
  readonly name: string;
  readonly createdMs: number;
  /** Internal addresses, the first of a family is the one to use. */
  readonly addresses: readonly string[];
  /** Canonical prefixes. */
  readonly podCIDRs: readonly string[];
  /** Undefined: the node publishes none. */
  readonly wireguard?: PublishedKey | undefined;
}

/** Orders nodes by age, those of one moment by their names: whoever comes first keeps what two claim. */
export function compareAge(a: ClusterMember, b: ClusterMember): number {
  if (a.createdMs !== b.createdMs) return a.createdMs - b.createdMs;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

/** A PodCIDR with the node that has it. */
export interface Claim extends RangedCidr {
  readonly kind: "claim";
  /** The prefix as text: nodes are compared by it. */
  readonly key: string;
  /** Without addresses that are refused. */
  readonly node: ClusterMember;
}
