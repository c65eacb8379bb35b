import { type RangedCidr, rangeHolds, rangesOverlap, withRange } from "../../net/address-range.ts";
import { addressAt, type Cidr, cidrSize } from "../../net/cidr.ts";

/** The prefixes that cover what is in `from` and in none of `holes`. */
export function subtractCidrs(
  from: readonly RangedCidr[],
  holes: readonly RangedCidr[],
): readonly RangedCidr[] {
  return from.flatMap((prefix) => subtract(prefix, holes));
}

function subtract(prefix: RangedCidr, holes: readonly RangedCidr[]): readonly RangedCidr[] {
  const { cidr, range } = prefix;
  const inside = holes.filter((hole) => rangesOverlap(hole.range, range));
  if (inside.length === 0) return [prefix];
  if (inside.some((hole) => rangeHolds(hole.range, range))) return [];
  return subtractCidrs(halvesOf(cidr).map(withRange), inside);
}

function halvesOf({ family, base, prefixLength }: Cidr): readonly Cidr[] {
  const half = { family, base, prefixLength: prefixLength + 1 };
  return [half, { ...half, base: addressAt(half, cidrSize(half)) }];
}
