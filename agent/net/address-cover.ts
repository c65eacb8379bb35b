import { addressToBytes, type Family, familyOf } from "./address.ts";

/** Tells whether a prefix holds one of a set of addresses. */
export interface AddressCover {
  /** `base`: bytes of an address of the family, none for a prefix of length 0. */
  holdsAny(family: Family, base: Uint8Array, prefixLength: number): boolean;
}

/**
 * One look-up for each question, however many addresses there are: they are sorted by their first bits when a
 * length is first asked for.
 */
export function createAddressCover(addresses: Iterable<string>): AddressCover {
  const bytes: Record<Family, Uint8Array[]> = { 4: [], 6: [] };
  for (const address of addresses) bytes[familyOf(address)].push(addressToBytes(address));
  const byLength: Record<Family, Map<number, ReadonlySet<string>>> = { 4: new Map(), 6: new Map() };
  return {
    holdsAny(family, base, prefixLength) {
      if (prefixLength === 0) return bytes[family].length > 0;
      let heads = byLength[family].get(prefixLength);
      if (heads === undefined) {
        heads = new Set(bytes[family].map((address) => headOf(address, prefixLength)));
        byLength[family].set(prefixLength, heads);
      }
      return heads.has(headOf(base, prefixLength));
    },
  };
}

/** The first bits as text of one character for each byte. */
function headOf(bytes: Uint8Array, length: number): string {
  const whole = length >>> 3;
  let head = "";
  for (let index = 0; index < whole; index++) head += String.fromCharCode(bytes[index] ?? 0);
  const rest = length & 7;
  return rest === 0 ? head : head + String.fromCharCode((bytes[whole] ?? 0) & (0xff00 >>> rest));
}
