import { addressFromBytes, addressToBytes, familyOf } from "./address.ts";
import { addressBits, type Cidr } from "./cidr.ts";

/**
 * First and last address of a prefix, as text that sorts as addresses do, IPv4 before IPv6. Two prefixes are
 * apart, or one holds the other.
 */
export interface AddressRange {
  readonly first: string;
  readonly last: string;
}

/** Prefixes are immutable, and thousands of them stay the same from one plan to the next. */
const ranges = new WeakMap<Cidr, AddressRange>();

export function rangeOf(cidr: Cidr): AddressRange {
  const range = ranges.get(cidr) ?? findRange(cidr);
  ranges.set(cidr, range);
  return range;
}

function findRange({ family, base, prefixLength }: Cidr): AddressRange {
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

/** The first address of a range as text. */
export function firstAddress({ first }: AddressRange): string {
  return addressFromBytes(Uint8Array.from(first.slice(1), (character) => character.charCodeAt(0)));
}

/** Whether the first addresses of two ranges are of one family and agree in their first bits. */
export function shareBits(a: AddressRange, b: AddressRange, length: number): boolean {
  const whole = 1 + (length >>> 3);
  if (a.first.slice(0, whole) !== b.first.slice(0, whole)) return false;
  const rest = length & 7;
  return rest === 0 || (a.first.charCodeAt(whole) ^ b.first.charCodeAt(whole)) >>> (8 - rest) === 0;
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
