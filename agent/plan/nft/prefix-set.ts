import type { RangedCidr } from "../../net/address-range.ts";
import type { Family } from "../../net/address.ts";
import { formatNftPrefix, mergeCidrs } from "../../net/merge-cidrs.ts";
import { addressType } from "./nft-family.ts";
import type { NftSet } from "./nft-table.ts";

/** A set of those of the prefixes that are of this family. */
export function planPrefixSet(name: string, family: Family, prefixes: readonly RangedCidr[]): NftSet {
  const merged = mergeCidrs(prefixes.filter(({ cidr }) => cidr.family === family));
  return {
    name,
    type: addressType(family),
    values: undefined,
    isInterval: true,
    elements: merged.map(formatNftPrefix),
  };
}
