import { addressFromBytes, addressToBytes, type Family, familyOf } from "./address.ts";
import { addressBits, type Cidr } from "./cidr.ts";

declare const brand: unique symbol;

/**
 * A prefix as text that sorts: IPv4 before IPv6, by the first address, and before those inside it. One
 * character a byte, for family, address and length: thousands are kept. Two prefixes are apart, or one holds
 * the other.
 */
export type AddressRange = string & { readonly [brand]: true };

/** A prefix with its range, so that the text of thousands is not read again with each change. */
export interface RangedCidr {
  readonly cidr: Cidr;
  readonly range: AddressRange;
}

export function withRange(cidr: Cidr): RangedCidr {
  return { cidr, range: rangeOf(cidr) };
}

export function rangeOf({ family, base, prefixLength }: Cidr): AddressRange {
  return makeRange(family, addressToBytes(base), prefixLength);
}

/** The range of one address. */
export function pointOf(address: string): AddressRange {
  const family = familyOf(address);
  return makeRange(family, addressToBytes(address), addressBits(family));
}

function makeRange(family: Family, bytes: Uint8Array, length: number): AddressRange {
  return String.fromCharCode(family, ...bytes, length) as AddressRange;
}

/** The range with the same first address, and half of its addresses or twice as many, and so on. */
export function resizeRange(range: AddressRange, length: number): AddressRange {
  return (range.slice(0, -1) + String.fromCharCode(length)) as AddressRange;
}

function lengthOf(range: AddressRange): number {
  return range.charCodeAt(range.length - 1);
}

/** The first address of a range as text. */
export function firstAddress(range: AddressRange): string {
  return addressFromBytes(Uint8Array.from(range.slice(1, -1), (character) => character.charCodeAt(0)));
}

/** Whether the first addresses of two ranges are of one family and agree in their first bits. */
export function shareBits(a: AddressRange, b: AddressRange, length: number): boolean {
  const whole = 1 + (length >>> 3);
  if (a.length !== b.length) return false;
  for (let index = 0; index < whole; index++) if (a.charCodeAt(index) !== b.charCodeAt(index)) return false;
  const rest = length & 7;
  return rest === 0 || (a.charCodeAt(whole) ^ b.charCodeAt(whole)) >>> (8 - rest) === 0;
}

export function rangeHolds(outer: AddressRange, inner: AddressRange): boolean {
  const length = lengthOf(outer);
  return length <= lengthOf(inner) && shareBits(outer, inner, length);
}

export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return shareBits(a, b, Math.min(lengthOf(a), lengthOf(b)));
}

/** Orders ranges so that one stands before those inside it. */
export function compareRanges(a: AddressRange, b: AddressRange): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
