import { addressToBytes, familyOf } from "./address.ts";
import { addressBits, type Cidr } from "./cidr.ts";

/** First and last address of a prefix, as text that sorts as addresses do, IPv4 before IPv6. Two prefixes are apart, or one holds the other. */
export interface AddressRange {
  readonly first: string;
  readonly last: string;
}

export function rangeOf({ family, base, prefixLength }: Cidr): AddressRange {
  const bytes = addressToBytes(base);
  const first = sortKey(family, bytes);
  const hostBits = addressBits(family) - prefixLength;
  if (hostBits === 0) return { first, last: first };
  for (let index = bytes.length - 1, bits = hostBits; bits > 0; index--, bits -= 8)
    bytes[index] = (bytes[index] ?? 0) | (bits >= 8 ? 0xff : (1 << bits) - 1);
  return { first, last: sortKey(family, bytes) };
}

/** The range of one address. */
export function pointOf(address: string): AddressRange {
  const first = sortKey(familyOf(address), addressToBytes(address));
  return { first, last: first };
}

export function rangeHolds(outer: AddressRange, inner: AddressRange): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** Orders ranges so that one stands before those inside it. */
export function compareRanges(a: AddressRange, b: AddressRange): number {
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  if (a.last === b.last) return 0;
  return a.last > b.last ? -1 : 1;
}

/** One character a byte: thousands are kept. */
function sortKey(family: number, bytes: Uint8Array): string {
  return String.fromCharCode(family, ...bytes);
}
