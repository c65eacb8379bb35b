import { addressFromNumber, addressToNumber, type Family } from "./address.ts";
import { addressBits, type Cidr, formatCidr } from "./cidr.ts";

/** A prefix as a number: what `ip-address` takes to parse thousands of them would be felt with each change of the cluster. */
interface Block {
  readonly family: Family;
  readonly base: bigint;
  readonly prefixLength: number;
  /** The prefix that it was, unless it was joined from two. */
  readonly cidr: Cidr | undefined;
}

const blocks = new WeakMap<Cidr, Block>();

function blockOf(cidr: Cidr): Block {
  const known = blocks.get(cidr);
  if (known !== undefined) return known;
  const { family, prefixLength } = cidr;
  const block = { family, base: addressToNumber(cidr.base), prefixLength, cidr };
  blocks.set(cidr, block);
  return block;
}

/**
 * The smallest list of prefixes that covers the same addresses, in ascending order, IPv4 first: prefixes inside others are dropped,
 * two halves of one prefix become it. What an nftables interval set without auto-merge takes and gives back unchanged.
 */
export function mergeCidrs(cidrs: readonly Cidr[]): Cidr[] {
  const merged: Block[] = [];
  for (const block of cidrs.map(blockOf).toSorted(compareBlocks)) {
    const last = merged.at(-1);
    if (last !== undefined && holds(last, block)) continue;
    merged.push(block);
    joinHalves(merged);
  }
  return merged.map(cidrOfBlock);
}

/** The bits of a block's base that another of this length would have. */
function prefixOf({ family, base }: Block, prefixLength: number): bigint {
  return base >> BigInt(addressBits(family) - prefixLength);
}

function holds(outer: Block, inner: Block): boolean {
  const { family, prefixLength } = outer;
  if (family !== inner.family || prefixLength > inner.prefixLength) return false;
  return prefixOf(outer, prefixLength) === prefixOf(inner, prefixLength);
}

/** Joins the last two blocks as long as they are the halves of one. */
function joinHalves(merged: Block[]): void {
  for (;;) {
    const [left, right] = merged.slice(-2);
    if (left === undefined || right === undefined || left.prefixLength !== right.prefixLength) return;
    const { family, base } = left;
    const prefixLength = left.prefixLength - 1;
    if (family !== right.family || prefixLength < 0) return;
    if (prefixOf(left, prefixLength) !== prefixOf(right, prefixLength)) return;
    merged.splice(-2, 2, { family, base, prefixLength, cidr: undefined });
  }
}

function cidrOfBlock({ family, base, prefixLength, cidr }: Block): Cidr {
  return cidr ?? { family, base: addressFromNumber(family, base), prefixLength };
}

/** By family, base, then length: a prefix stands before those inside it. */
function compareBlocks(a: Block, b: Block): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.base !== b.base) return a.base < b.base ? -1 : 1;
  return a.prefixLength - b.prefixLength;
}

/** Text of a prefix as nft prints it: a single address has no length. */
export function formatNftPrefix(cidr: Cidr): string {
  return cidr.prefixLength === addressBits(cidr.family) ? cidr.base : formatCidr(cidr);
}
