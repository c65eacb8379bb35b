import { addressAt, addressBits, type Cidr, cidrContains, cidrSize } from "../../net/cidr.ts";

/** The prefixes that cover what is in `from` and in none of `holes`. */
export function subtractCidrs(from: readonly Cidr[], holes: readonly Cidr[]): readonly Cidr[] {
  return from.flatMap((cidr) => subtract(cidr, holes));
}

function subtract(cidr: Cidr, holes: readonly Cidr[]): readonly Cidr[] {
  const inside = holes.filter((hole) => cidrContains(cidr, hole.base) || cidrContains(hole, cidr.base));
  if (inside.length === 0) return [cidr];
  const isCovered = inside.some(({ prefixLength }) => prefixLength <= cidr.prefixLength);
  if (isCovered || cidr.prefixLength === addressBits(cidr.family)) return [];
  const half = { family: cidr.family, base: cidr.base, prefixLength: cidr.prefixLength + 1 };
  return subtractCidrs([half, { ...half, base: addressAt(cidr, cidrSize(half)) }], inside);
}
