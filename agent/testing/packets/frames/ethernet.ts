import { macToBytes } from "../../../net/mac.ts";
import { addressToBytes } from "../../../net/address.ts";
import { ascii, join, u16, u32 } from "./bytes.ts";

/** Numbers of linux/if_ether.h. */
export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  qinq: 0x88a8,
  slow: 0x8809,
  lldp: 0x88cc,
} as const;

export interface EthernetHeader {
  readonly destination: string;
  readonly source: string;
  readonly type: number;
}

export function ethernet({ destination, source, type }: EthernetHeader, payload: Uint8Array): Uint8Array {
  return join(macToBytes(destination), macToBytes(source), u16(type), payload);
}

/** Puts tags of IEEE 802.1Q behind the addresses of a frame, the outer one first. */
export function tagged(
  frame: Uint8Array,
  tags: readonly { readonly type: number; readonly id: number }[],
): Uint8Array {
  const words = tags.flatMap(({ type, id }) => [u16(type), u16(id)]);
  return join(frame.subarray(0, 12), ...words, frame.subarray(12));
}

export interface ArpFields {
  readonly operation: "request" | "reply";
  readonly senderMac: string;
  readonly sender: string;
  readonly targetMac: string;
  readonly target: string;
}

/** The payload of an ARP frame (RFC 826). */
export function arp({ operation, senderMac, sender, targetMac, target }: ArpFields): Uint8Array {
  return join(
    Uint8Array.of(0, 1, 8, 0, 6, 4, 0, operation === "request" ? 1 : 2),
    macToBytes(senderMac),
    addressToBytes(sender),
    macToBytes(targetMac),
    addressToBytes(target),
  );
}

/** A configuration BPDU of IEEE 802.1D that claims to be the root of the tree, as a whole frame. */
export function bpdu(source: string): Uint8Array {
  const bridgeId = join(u16(0), macToBytes(source));
  const body = join(u16(0), Uint8Array.of(0, 0, 0), bridgeId, u32(0), bridgeId, u16(0x8001));
  const timers = join(u16(0), u16(20 << 8), u16(2 << 8), u16(15 << 8));
  const llc = Uint8Array.of(0x42, 0x42, 3);
  const payload = join(llc, body, timers);
  return ethernet({ destination: "01:80:c2:00:00:00", source, type: payload.length }, payload);
}

/** An LACPDU (IEEE 802.1AX) with an actor of highest priority, as a whole frame. */
export function lacp(source: string): Uint8Array {
  const actor = join(Uint8Array.of(1, 20), u16(0), macToBytes(source), u16(1), u16(0), u16(1));
  const payload = join(Uint8Array.of(1, 1), actor, Uint8Array.of(0x3d, 0, 0, 0), new Uint8Array(86));
  return ethernet({ destination: "01:80:c2:00:00:02", source, type: ETHERTYPE.slow }, payload);
}

/** An LLDPDU (IEEE 802.1AB) whose system name is `name`, as a whole frame. */
export function lldp(source: string, name: string): Uint8Array {
  const tlv = (type: number, value: Uint8Array): Uint8Array => join(u16((type << 9) | value.length), value);
  const payload = join(
    tlv(1, join(Uint8Array.of(4), macToBytes(source))),
    tlv(2, join(Uint8Array.of(5), ascii("eth0"))),
    tlv(3, u16(120)),
    tlv(5, ascii(name)),
    tlv(0, new Uint8Array()),
  );
  return ethernet({ destination: "01:80:c2:00:00:0e", source, type: ETHERTYPE.lldp }, payload);
}
