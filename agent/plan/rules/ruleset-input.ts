import type { Family } from "../../net/address.ts";
import type { RangedCidr } from "../../net/address-range.ts";
import type { Cidr } from "../../net/cidr.ts";
import type { NftSet } from "../nft/nft-table.ts";
import type { EncryptionRulesInput } from "./encryption-guard.ts";
import type { FastPathInput } from "./fast-path/fast-path.ts";
import type { OverlayGuardInput } from "./overlay-guard.ts";

export interface RulesetInput {
  readonly bridge: string;
  /** PodCIDRs of this node: only their traffic is masqueraded, every node does its own. */
  readonly podCidrs: readonly Cidr[];
  /**
   * Destinations that pods reach under their own address: all PodCIDRs of the cluster and what the operator
   * adds.
   */
  readonly insideCidrs: readonly RangedCidr[];
  /** What {@link planPrefixSets} plans, where that has been done before. */
  readonly prefixSets?: readonly NftSet[] | undefined;
  readonly masquerade: MasqueradeInput;
  /** See {@link Underlay}. */
  readonly serviceAddresses: readonly string[];
  /** The kernel lacks what host ports need: nothing of theirs is planned. */
  readonly lacksHostPorts?: boolean;
  /** Undefined where the cluster has no overlay. */
  readonly overlay: OverlayGuardInput | undefined;
  /** Undefined where nothing is encrypted. */
  readonly encryption?: EncryptionRulesInput | undefined;
  /** Undefined: established connections take the way of all others. */
  readonly fastPath?: FastPathInput | undefined;
}

export interface MasqueradeInput {
  readonly families: readonly Family[];
  /** Source ports at random, see {@link planRuleset}. */
  readonly randomPorts: boolean;
}
