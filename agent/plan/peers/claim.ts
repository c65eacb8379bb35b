import type { AddressRange } from "../../net/address-range.ts";
import type { Cidr } from "../../net/cidr.ts";

/** A node of the cluster, as far as its pods' traffic is concerned. */
export interface ClusterMember {
  readonly name: string;
  readonly createdMs: number;
  /** Internal addresses, the first of a family is the one to use. */
  readonly addresses: readonly string[];
  /** Canonical prefixes. */
  readonly podCIDRs: readonly string[];
}

/** A PodCIDR with the node that has it. */
export interface Claim {
  /** The prefix as text: nodes are compared by it. */
  readonly key: string;
  readonly cidr: Cidr;
  readonly range: AddressRange;
  /** Without addresses that are refused. */
  readonly node: ClusterMember;
}
