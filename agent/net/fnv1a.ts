/** Two halves of 32 bits. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

const OFFSET_BASIS: Hash64 = { high: 0xcbf29ce4, low: 0x84222325 };

/** The prime is 2^40 + 0x1b3: the first part of a product is a shift, the second one fits into a number. */
const PRIME_LOW = 0x1b3;
const PRIME_SHIFT = 40 - 32;

/**
 * 64-bit FNV-1a hash (http://www.isthe.com/chongo/tech/comp/fnv/). The shim computes the same in C. In
 * halves, since each ADD and DEL computes it and a bigint for every byte takes ten times as long.
 */
export function fnv1a64(bytes: Uint8Array): Hash64 {
  let { high, low } = OFFSET_BASIS;
  for (let index = 0; index < bytes.length; index++) {
    low = (low ^ (bytes[index] ?? 0)) >>> 0;
    const product = low * PRIME_LOW;
    const rest = product >>> 0;
    const carry = (product - rest) / 2 ** 32;
    high = (Math.imul(high, PRIME_LOW) + carry + (low << PRIME_SHIFT)) >>> 0;
    low = rest;
  }
  return { high, low };
}
