import { addressToBytes } from "../net/address.ts";
import type { SetElement } from "../netlink/nft-elements.ts";
import { type PortElement, PROTOCOLS, type Protocol } from "../plan/host-ports.ts";

/** Numbers of the protocols (IPPROTO_* of netinet/in.h). */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** An element as nfnetlink wants it: ports and addresses in network order, protocols by number. */
export function toSetElement({ set, key, value, comment }: PortElement): SetElement {
  return { set, key: key.map(fieldBytes), data: value.map(fieldBytes), comment };
}

function fieldBytes(field: string | number): Uint8Array {
  if (typeof field === "number") return Uint8Array.of(field >>> 8, field & 0xff);
  const protocol = PROTOCOLS.find((name) => name === field);
  return protocol === undefined ? addressToBytes(field) : Uint8Array.of(PROTOCOL_NUMBERS[protocol]);
}
