import { addressToBytes, familyOf } from "./address.ts";
import { fnv1a64 } from "./fnv1a.ts";

/**
 * MAC address that belongs to an IP address, so that nobody has to ask for it: 0a:58 and the four bytes of an
 * IPv4 address, or 0e and 40 bits of a hash of an IPv6 address (its low bits alone would repeat in every
 * PodCIDR). Both are locally administered unicast addresses (IEEE 802, second least significant bit of the
 * first byte).
 */
export function macOf(address: string): string {
  const bytes = addressToBytes(address);
  if (familyOf(address) === 4) return macFromBytes(Uint8Array.of(0x0a, 0x58, ...bytes));
  const { high, low } = fnv1a64(bytes);
  return macFromBytes(Uint8Array.of(0x0e, high, low >>> 24, low >>> 16, low >>> 8, low));
}

/**
 * Canonical text of a MAC address, or undefined when `text` is not six hexadecimal bytes separated by colons
 * or dashes.
 */
export function parseMac(text: string): string | undefined {
  const match = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.exec(text);
  return match === null ? undefined : text.toLowerCase().replaceAll("-", ":");
}

/** Six bytes of a canonical MAC address. */
export function macToBytes(mac: string): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (digitAt(mac, 3 * index) << 4) | digitAt(mac, 3 * index + 1);
  }
  return bytes;
}

/** Of a hexadecimal digit in lower case: "0" is 0x30, "a" is 0x61. */
function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < 0x60 ? code - 0x30 : code - 0x57;
}

const DIGITS = Buffer.from("0123456789abcdef");
const COLON = 0x3a;

/**
 * Canonical text (lower case, colons) of a hardware address. Written at once: V8 keeps a text that was
 * added up in pieces, which take four times as much.
 */
export function macFromBytes(bytes: Uint8Array): string {
  const text = Buffer.allocUnsafe(Math.max(0, 3 * bytes.length - 1));
  for (let index = 0, at = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    text[at++] = DIGITS[byte >>> 4] ?? 0;
    text[at++] = DIGITS[byte & 15] ?? 0;
    text[at++] = COLON;
  }
  return text.toString("latin1");
}

/**
 * The link-local address that a kernel gives itself for a MAC: fe80::/64 and the modified EUI-64 (RFC 4291
 * appendix A).
 */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = macToBytes(mac);
  const words = [((a ^ 0x02) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  // Only the first word can lengthen the run of zeros before it, which is the one that "::" stands for.
  return `fe80::${words.flatMap((word, index) => (word === 0 && index === 0 ? [] : word.toString(16))).join(":")}`;
}
