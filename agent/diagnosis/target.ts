import { parseAddress } from "../net/address.ts";
import { PROTOCOLS, type Protocol } from "../plan/pods/host-ports.ts";

/** Where a packet is to go. */
export interface Target {
  readonly address: string;
  readonly port: { readonly number: number; readonly protocol: Protocol } | undefined;
}

/**
 * Reads `ADDRESS`, `ADDRESS:PORT[/PROTOCOL]`, an IPv6 address with a port in brackets; undefined when it is
 * none of these.
 */
export function parseTarget(text: string): Target | undefined {
  const plain = parseAddress(text);
  if (plain !== undefined) return { address: plain, port: undefined };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})(?:\/([a-z]+))?$/.exec(text);
  const address = parseAddress(match?.[1] ?? match?.[2] ?? "");
  const number = Number(match?.[3]);
  const protocol = PROTOCOLS.find((name) => name === (match?.[4] ?? "tcp"));
  if (address === undefined || protocol === undefined || !(number >= 1 && number <= 65_535)) return undefined;
  return { address, port: { number, protocol } };
}

export function formatTarget({ address, port }: Target): string {
  if (port === undefined) return address;
  return `${address.includes(":") ? `[${address}]` : address}:${port.number}/${port.protocol}`;
}
