import { Address4, Address6 } from "ip-address";

/** IP family as CNI and Kubernetes number it. */
export type Family = 4 | 6;

/**
 * Family of a canonical address. Only IPv6 text has a colon, so no parse is needed on the ADD path.
 */
export function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

/**
 * Canonical text of an address (RFC 5952 for IPv6), or undefined when `text` is not one plain address: no
 * prefix length, no zone, no IPv4 with leading zeros, no IPv4-mapped IPv6 (the kernel would treat those as
 * IPv4).
 */
export function parseAddress(text: string): string | undefined {
  // Nearly all IPv4 addresses are canonical, and the library takes a hundred times as long to say so.
  if (!text.includes(":") && ipv4ToBytes(text) !== undefined) return text;
  const parsed = readAddress(text);
  return parsed === undefined || isMapped(parsed) ? undefined : sameText(text, parsed.correctForm());
}

/**
 * As {@link parseAddress}, but an IPv4-mapped address (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is the
 * IPv4 address in it.
 */
export function parseUnmappedAddress(text: string): string | undefined {
  const parsed = readAddress(text);
  if (parsed === undefined || !isMapped(parsed)) return parsed?.correctForm();
  return Address4.fromBigInt(parsed.bigInt() & 0xffff_ffffn).correctForm();
}

/** The text as it was read where it is canonical: V8 keeps one that was added up in pieces, too. */
export function sameText(read: string, canonical: string): string {
  return read === canonical ? read : canonical;
}

function readAddress(text: string): Address4 | Address6 | undefined {
  if (text.includes("/") || text.includes("%")) return undefined;
  try {
    return text.includes(":") ? new Address6(text) : new Address4(text);
  } catch {
    return undefined; // the library signals every syntax fault by throwing
  }
}

function isMapped(address: Address4 | Address6): boolean {
  return address instanceof Address6 && address.bigInt() >> 32n === 0xffffn;
}

/**
 * 4 or 16 bytes in network order. `address` is canonical (see {@link parseAddress}); anything else throws.
 * Without the library, which reads any form with regular expressions: each ADD asks some fifteen times.
 */
export function addressToBytes(address: string): Uint8Array {
  const bytes = familyOf(address) === 4 ? ipv4ToBytes(address) : ipv6ToBytes(address);
  if (bytes === undefined) throw new RangeError(`Cannot read address "${address}": it is not canonical`);
  return bytes;
}

const DOT = 0x2e;
const ZERO = 0x30;

/** Digit by digit: prefixes of thousands of nodes are read in one turn. */
function ipv4ToBytes(address: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let [count, value, digits] = [0, 0, 0];
  for (let index = 0; index <= address.length; index++) {
    const code = index < address.length ? address.charCodeAt(index) : DOT;
    if (code === DOT) {
      if (digits === 0 || value > 0xff || count === 4) return undefined;
      bytes[count++] = value;
      [value, digits] = [0, 0];
      continue;
    }
    const digit = code - ZERO;
    const isLeadingZero = digits > 0 && value === 0;
    if (digit < 0 || digit > 9 || isLeadingZero) return undefined;
    value = 10 * value + digit;
    digits++;
  }
  return count === 4 ? bytes : undefined;
}

/** RFC 5952: eight words in lower case, the longest run of zeros as "::". */
function ipv6ToBytes(address: string): Uint8Array | undefined {
  const [front = "", back, more] = address.split("::");
  if (more !== undefined) return undefined;
  const first = front === "" ? [] : front.split(":");
  const last = back === undefined || back === "" ? [] : back.split(":");
  if (back === undefined ? first.length !== 8 : first.length + last.length > 7) return undefined;
  const bytes = new Uint8Array(16);
  const write = (words: readonly string[], start: number): boolean =>
    words.every((word, index) => {
      const value = Number.parseInt(word, 16);
      bytes[start + 2 * index] = value >> 8;
      bytes[start + 2 * index + 1] = value & 0xff;
      return value.toString(16) === word && value <= 0xffff;
    });
  return write(first, 0) && write(last, 16 - 2 * last.length) ? bytes : undefined;
}

/** 127.0.0.0/8, or ::1. `address` is canonical. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** Whether a canonical address is one of a group: 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291). */
export function isMulticast(address: string): boolean {
  const [first = 0] = addressToBytes(address);
  return familyOf(address) === 4 ? first >>> 4 === 0xe : first === 0xff;
}

/** Canonical text of 4 or 16 bytes in network order; throws RangeError for any other length. */
export function addressFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16)
    throw new RangeError(`Cannot read address: ${bytes.length} bytes instead of 4 or 16`);
  return ipv6FromBytes(bytes);
}

/** RFC 5952, without the library, for which thousands of addresses are a tenth of a second. */
function ipv6FromBytes(bytes: Uint8Array): string {
  const words = Array.from(
    { length: 8 },
    (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0),
  );
  let [start, length] = [0, 1];
  for (let first = 0, index = 0; index < 8; index++) {
    if (words[index] !== 0) first = index + 1;
    else if (index + 1 - first > length) [start, length] = [first, index + 1 - first];
  }
  const text = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(":");
  return length === 1 ? text(words) : `${text(words.slice(0, start))}::${text(words.slice(start + length))}`;
}

/** Address as a number, for arithmetic inside a prefix. */
export function addressToNumber(address: string): bigint {
  let value = 0n;
  const bytes = addressToBytes(address);
  const view = new DataView(bytes.buffer);
  for (let offset = 0; offset < bytes.length; offset += 4) {
    value = (value << 32n) | BigInt(view.getUint32(offset));
  }
  return value;
}

/** Inverse of {@link addressToNumber}. */
export function addressFromNumber(family: Family, value: bigint): string {
  if (family === 6) {
    const bytes = new DataView(new ArrayBuffer(16));
    bytes.setBigUint64(0, value >> 64n);
    bytes.setBigUint64(8, value);
    return ipv6FromBytes(new Uint8Array(bytes.buffer));
  }
  const number = Number(value);
  return `${number >>> 24}.${(number >>> 16) & 0xff}.${(number >>> 8) & 0xff}.${number & 0xff}`;
}
