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
 * Canonical text of an address (RFC 5952 for IPv6), or undefined when `text` is not one plain address: no prefix length,
 * no zone, no IPv4 with leading zeros, no IPv4-mapped IPv6 (the kernel would treat those as IPv4).
 */
export function parseAddress(text: string): string | undefined {
  if (text.includes("/") || text.includes("%")) return undefined;
  try {
    if (!text.includes(":")) return new Address4(text).correctForm();
    const address = new Address6(text);
    return address.bigInt() >> 32n === 0xffffn ? undefined : address.correctForm();
  } catch {
    return undefined; // the library signals every syntax fault by throwing
  }
}

/** 4 or 16 bytes in network order. `address` is canonical (see {@link parseAddress}); anything else throws. */
export function addressToBytes(address: string): Uint8Array {
  if (familyOf(address) === 4) return Uint8Array.from(new Address4(address).toArray());
  const bytes = new Uint8Array(16);
  let value = new Address6(address).bigInt();
  for (let index = 15; index >= 0; index--) {
    bytes[index] = Number(value & 0xffn);
    value >>= 8n;
  }
  return bytes;
}

/** Canonical text of 4 or 16 bytes in network order; throws RangeError for any other length. */
export function addressFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16)
    throw new RangeError(`Cannot read address: ${bytes.length} bytes instead of 4 or 16`);
  return Address6.fromUnsignedByteArray([...bytes]).correctForm();
}

/** Address as a number, for arithmetic inside a prefix. */
export function addressToNumber(address: string): bigint {
  return familyOf(address) === 4 ? new Address4(address).bigInt() : new Address6(address).bigInt();
}

/** Inverse of {@link addressToNumber}. */
export function addressFromNumber(family: Family, value: bigint): string {
  return (family === 4 ? Address4.fromBigInt(value) : Address6.fromBigInt(value)).correctForm();
}
