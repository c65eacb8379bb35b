import { addressFromNumber, addressToNumber, type Family, familyOf, parseAddress } from "./address.ts";

/** A prefix: `base` is canonical and has no host bits set. */
export interface Cidr {
  readonly family: Family;
  readonly base: string;
  readonly prefixLength: number;
}

/** Address bits of a family: 32 or 128. */
export function addressBits(family: Family): number {
  return family === 4 ? 32 : 128;
}

/**
 * Parses `address/length`. Host bits must be zero: "10.244.1.1/24" is a typing error in a list of prefixes.
 */
export function parseCidr(text: string): Cidr | undefined {
  const parsed = parseInterfaceAddress(text);
  if (parsed === undefined) return undefined;
  const { address, prefixLength } = parsed;
  const cidr = cidrOf(address, prefixLength);
  return cidr.base === address ? cidr : undefined;
}

/** Parses `address/length` where host bits may be set, as in `ip address add 10.244.1.1/24`. */
export function parseInterfaceAddress(
  text: string,
): { readonly address: string; readonly prefixLength: number } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : parseAddress(match[1]);
  const prefixLength = Number(match?.[2]);
  if (address === undefined || prefixLength > addressBits(familyOf(address))) return undefined;
  return { address, prefixLength };
}

/**
 * The prefix of canonical text, as {@link formatCidr} gives it: without checks, of which thousands at once
 * would be felt.
 */
export function cidrFromCanonical(text: string): Cidr {
  const slash = text.indexOf("/");
  const base = text.slice(0, slash);
  return { family: familyOf(base), base, prefixLength: Number(text.slice(slash + 1)) };
}

export function formatCidr(cidr: Cidr): string {
  return `${cidr.base}/${cidr.prefixLength}`;
}

/** The prefix of `prefixLength` bits that holds `address`. */
export function cidrOf(address: string, prefixLength: number): Cidr {
  const family = familyOf(address);
  const hostBits = BigInt(addressBits(family) - prefixLength);
  const base = addressFromNumber(family, (addressToNumber(address) >> hostBits) << hostBits);
  return { family, base, prefixLength };
}

/** The prefix that holds this canonical address alone. */
export function hostCidr(address: string): Cidr {
  const family = familyOf(address);
  return { family, base: address, prefixLength: addressBits(family) };
}

export function cidrContains(cidr: Cidr, address: string): boolean {
  if (familyOf(address) !== cidr.family) return false;
  const hostBits = BigInt(addressBits(cidr.family) - cidr.prefixLength);
  return (addressToNumber(address) ^ addressToNumber(cidr.base)) >> hostBits === 0n;
}

/** Number of addresses in the prefix. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt(addressBits(cidr.family) - cidr.prefixLength);
}

/** The address `offset` places after the base. */
export function addressAt(cidr: Cidr, offset: bigint): string {
  return addressFromNumber(cidr.family, addressToNumber(cidr.base) + offset);
}
