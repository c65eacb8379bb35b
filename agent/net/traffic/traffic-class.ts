import { addressToBytes, addressToNumber, familyOf } from "../address.ts";
import { fnv1a64 } from "../fnv1a.ts";

/** Text of a class of traffic control, 32 bits, as nft reads it: `MAJOR:MINOR`, four digits each. */
export function formatClass(number: number): string {
  const digits = number.toString(16).padStart(8, "0");
  return `${digits.slice(0, 4)}:${digits.slice(4)}`;
}

/** Inverse of {@link formatClass}; undefined for another text. */
export function parseClass(text: string): number | undefined {
  const match = /^([0-9a-f]{4}):([0-9a-f]{4})$/.exec(text);
  return match === null ? undefined : Number(`0x${match[1]}${match[2]}`);
}

/** No class from here on is a priority of 802.1Q or of a socket, which are small. */
const FIRST_CLASS = 2 ** 24;
const CLASSES = 2 ** 32;

/**
 * The class that stands for an address as long as no other address has it: an IPv4 address itself, of an IPv6
 * address a hash.
 */
export function classOf(address: string): number {
  if (familyOf(address) === 4) return Number(addressToNumber(address));
  return (fnv1a64(addressToBytes(address)).low | 0x8000_0000) >>> 0;
}

/** Gives each address a class of its own: the next free one where another address has that of its hash. */
export function createClassChooser(): (address: string) => number {
  const owners = new Map<number, string>();
  return (address) => {
    let chosen = classOf(address);
    for (let owner = owners.get(chosen); owner !== undefined && owner !== address; owner = owners.get(chosen))
      chosen = chosen + 1 < CLASSES ? chosen + 1 : FIRST_CLASS;
    owners.set(chosen, address);
    return chosen;
  };
}
