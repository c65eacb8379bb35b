import { addressToNumber } from "./address.ts";
import { addressBits, type Cidr, cidrContains, cidrOf, formatCidr } from "./cidr.ts";

/**
 * The smallest list of prefixes that covers the same addresses, in ascending order, IPv4 first: prefixes inside others are dropped,
 * two halves of one prefix become it. What an nftables interval set without auto-merge takes and gives back unchanged.
 */
export function mergeCidrs(cidrs: readonly Cidr[]): Cidr[] {
  const merged: Cidr[] = [];
  for (const cidr of cidrs.toSorted(compareCidrs)) {
    const last = merged.at(-1);
    if (last !== undefined && last.prefixLength <= cidr.prefixLength && cidrContains(last, cidr.base))
      continue;
    merged.push(cidr);
    joinHalves(merged);
  }
  return merged;
}

/** Joins the last two prefixes as long as they are the halves of one. */
function joinHalves(merged: Cidr[]): void {
  for (;;) {
    const [left, right] = merged.slice(-2);
    if (left === undefined || right === undefined || left.prefixLength !== right.prefixLength) return;
    if (left.family !== right.family || left.prefixLength === 0) return;
    const whole = cidrOf(left.base, left.prefixLength - 1);
    if (whole.base !== left.base || !cidrContains(whole, right.base)) return;
    merged.splice(-2, 2, whole);
  }
}

/** By family, base, then length: a prefix stands before those inside it. */
function compareCidrs(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  const difference = addressToNumber(a.base) - addressToNumber(b.base);
  if (difference !== 0n) return difference < 0n ? -1 : 1;
  return a.prefixLength - b.prefixLength;
}

/** Text of a prefix as nft prints it: a single address has no length. */
export function formatNftPrefix(cidr: Cidr): string {
  return cidr.prefixLength === addressBits(cidr.family) ? cidr.base : formatCidr(cidr);
}
