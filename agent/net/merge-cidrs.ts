import {
  type AddressRange,
  firstAddress,
  type RangedCidr,
  rangeHolds,
  resizeRange,
  shareBits,
} from "./address-range.ts";
import type { Family } from "./address.ts";
import { addressBits, type Cidr } from "./cidr.ts";

/**
 * A prefix by the addresses that it covers: numbers of thousands of IPv6 prefixes would be felt with each
 * change of the cluster.
 */
interface Block {
  readonly range: AddressRange;
  readonly family: Family;
  readonly prefixLength: number;
  /** The prefix that it was, unless it was joined from two. */
  readonly cidr: Cidr | undefined;
}

/**
 * The smallest list of prefixes that covers the same addresses, in ascending order, IPv4 first: prefixes
 * inside others are dropped, two halves of one prefix become it. What an nftables interval set without
 * auto-merge takes and gives back unchanged.
 */
export function mergeCidrs(prefixes: readonly RangedCidr[]): Cidr[] {
  const merged: Block[] = [];
  for (const { cidr, range } of sortByRange(prefixes)) {
    const last = merged.at(-1);
    if (last !== undefined && rangeHolds(last.range, range)) continue;
    merged.push({ ...cidr, range, cidr });
    joinHalves(merged);
  }
  return merged.map(cidrOfBlock);
}

/**
 * By family, base, then length: a prefix stands before those inside it. Texts are sorted many times faster
 * than by a function.
 */
function sortByRange(prefixes: readonly RangedCidr[]): readonly RangedCidr[] {
  const byRange = new Map(prefixes.map((prefix) => [prefix.range, prefix]));
  return [...byRange.keys()].toSorted().flatMap((range) => byRange.get(range) ?? []);
}

/** Joins the last two blocks as long as they are the halves of one. */
function joinHalves(merged: Block[]): void {
  for (;;) {
    const [left, right] = [merged.at(-2), merged.at(-1)];
    if (left === undefined || right === undefined || left.prefixLength !== right.prefixLength) return;
    const prefixLength = left.prefixLength - 1;
    if (prefixLength < 0 || !shareBits(left.range, right.range, prefixLength)) return;
    const range = resizeRange(left.range, prefixLength);
    merged.splice(-2, 2, { range, family: left.family, prefixLength, cidr: undefined });
  }
}

function cidrOfBlock({ range, family, prefixLength, cidr }: Block): Cidr {
  return cidr ?? { family, base: firstAddress(range), prefixLength };
}

/**
 * Text of a prefix as nft prints it: a single address has no length. Joined, as all texts of which thousands
 * are kept: see macFromBytes.
 */
export function formatNftPrefix({ family, base, prefixLength }: Cidr): string {
  return prefixLength === addressBits(family) ? base : [base, prefixLength].join("/");
}
