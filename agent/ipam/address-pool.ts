import { addressFromNumber, addressToNumber } from "../net/address.ts";
import { addressAt, type Cidr, cidrContains, cidrSize } from "../net/cidr.ts";

/**
 * A freed address rests this long before it is given again: old connections and endpoints may still send to
 * it.
 */
export const COOL_DOWN_MS = 30_000;

/**
 * 16 times what a bridge can serve (BR_MAX_PORTS of net/bridge/br_private.h); bounds the memory of an IPv6
 * /64.
 */
const MAX_OFFSET = 1n << 14n;

/**
 * Addresses of one PodCIDR. All operations but `cooling` take constant time, whatever the size of the prefix.
 */
export interface AddressPool {
  readonly cidr: Cidr;
  /** First address of the prefix, on the bridge. */
  readonly gateway: string;
  /** Number of addresses that pods can have. */
  readonly size: number;
  /**
   * Takes a free address: one never given, else the one freed longest ago. So an address inside its cool-down
   * is given only when every other one is taken: a pod that starts is worth more. Undefined when all are
   * taken.
   */
  allocate(): string | undefined;
  /** Takes the given address; false when it is taken, reserved or outside the prefix. */
  claim(address: string): boolean;
  /** Gives an address back; one that is not taken is ignored. */
  release(address: string, nowMs: number): void;
  /**
   * To be called after the claims of a restart: never-given addresses are counted from behind the one that
   * was last given before it, because those below it may have been freed a moment before the restart. Where
   * that is not known, from behind the highest claimed one.
   */
  resume(lastGiven?: string): void;
  /** The address that was last given, also before a restart. */
  lastGiven(): string | undefined;
  isTaken(address: string): boolean;
  taken(): number;
  /** Free addresses that are still in their cool-down. */
  cooling(nowMs: number): number;
}

/**
 * First and last offset that pods may have: the first address is the gateway's, IPv4 keeps network and
 * broadcast.
 */
function podOffsets(cidr: Cidr): { readonly first: number; readonly last: number } {
  const size = cidrSize(cidr);
  const last = cidr.family === 4 ? size - 2n : size - 1n;
  return { first: 2, last: Number(last < MAX_OFFSET ? last : MAX_OFFSET) };
}

/** Number of addresses that pods can have in `cidr`; 0 means that the prefix is too long. */
export function podAddressCount(cidr: Cidr): number {
  const { first, last } = podOffsets(cidr);
  return Math.max(0, last - first + 1);
}

export function createAddressPool(cidr: Cidr): AddressPool {
  const { first, last } = podOffsets(cidr);
  const size = podAddressCount(cidr);
  const base = addressToNumber(cidr.base);
  const taken = new Set<number>();
  /** Offset to the time of its release; a Map keeps insertion order, so the oldest release comes first. */
  const freed = new Map<number, number>();
  const neverGiven = createRing(first, size);
  const isNeverGiven = (offset: number): boolean => !taken.has(offset) && !freed.has(offset);
  let lastOffset: number | undefined;

  const take = (offset: number): void => {
    freed.delete(offset);
    taken.add(offset);
  };
  const offsetOf = (address: string): number | undefined => {
    if (!cidrContains(cidr, address)) return undefined;
    const offset = addressToNumber(address) - base;
    return offset >= first && offset <= last ? Number(offset) : undefined;
  };

  return {
    cidr,
    gateway: addressAt(cidr, 1n),
    size,
    allocate() {
      const offset = neverGiven.find(isNeverGiven) ?? freed.keys().next().value;
      if (offset === undefined) return undefined;
      take(offset);
      lastOffset = offset;
      return addressFromNumber(cidr.family, base + BigInt(offset));
    },
    claim(address) {
      const offset = offsetOf(address);
      if (offset === undefined || taken.has(offset)) return false;
      take(offset);
      return true;
    },
    release(address, nowMs) {
      const offset = offsetOf(address);
      if (offset === undefined || !taken.delete(offset)) return;
      freed.set(offset, nowMs);
    },
    resume(lastGiven) {
      lastOffset = lastGiven === undefined ? undefined : offsetOf(lastGiven);
      const behind = lastOffset ?? [...taken].reduce((high, offset) => Math.max(high, offset), first - 1);
      neverGiven.beginAt(behind < last ? behind + 1 : first);
    },
    lastGiven: () => (lastOffset === undefined ? undefined : addressAt(cidr, BigInt(lastOffset))),
    isTaken(address) {
      const offset = offsetOf(address);
      return offset !== undefined && taken.has(offset);
    },
    taken: () => taken.size,
    cooling: (nowMs) => [...freed.values()].filter((freedMs) => nowMs - freedMs < COOL_DOWN_MS).length,
  };
}

interface Ring {
  /** The next number that matches: those before it are never looked at again. */
  find(matches: (number: number) => boolean): number | undefined;
  beginAt(number: number): void;
}

/** `size` numbers from `first` on, gone through once around from wherever it begins. */
function createRing(first: number, size: number): Ring {
  let start = first;
  let passed = 0;
  return {
    find(matches) {
      for (; passed < size; passed++) {
        const number = first + ((start - first + passed) % size);
        if (matches(number)) return number;
      }
      return undefined;
    },
    beginAt(number) {
      start = number;
      passed = 0;
    },
  };
}
