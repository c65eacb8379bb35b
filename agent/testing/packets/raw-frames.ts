import { addressToBytes } from "../../net/address.ts";
import { macToBytes } from "../../net/mac.ts";
import { checksum, join, u16, u32, withU16 } from "./frames/bytes.ts";
import { arp as arpPayload, ethernet as frame, ETHERTYPE, tagged } from "./frames/ethernet.ts";
import { ALL_NODES, routerAdvertisement as advertisement } from "./frames/neighbour-discovery.ts";
import { icmp, type IcmpMessage, ip, PROTOCOL, udpPayload } from "./frames/ip.ts";

/** Frames that no kernel would send for a pod, byte by byte. */

export interface FrameEnds {
  readonly from: string;
  readonly to: string;
}

/** An Ethernet frame; `tags`: numbers of VLANs, the outermost first. */
export function ethernet(
  { from, to }: FrameEnds,
  type: "ipv4" | "arp" | "ipv6",
  payload: Uint8Array,
  tags: readonly number[] = [],
): Buffer {
  const whole = frame({ source: from, destination: to, type: ETHERTYPE[type] }, payload);
  return Buffer.from(
    tagged(
      whole,
      tags.map((id) => ({ type: ETHERTYPE.vlan, id })),
    ),
  );
}

/** ARP of Ethernet and IPv4 (RFC 826). */
export function arp(operation: "request" | "reply", sender: Station, target: Station): Uint8Array {
  const [senderMac, targetMac] = [sender.mac, target.mac];
  return arpPayload({ operation, senderMac, sender: sender.ip, targetMac, target: target.ip });
}

export interface Station {
  readonly mac: string;
  readonly ip: string;
}

/** From the same link: what neighbour discovery believes (RFC 4861). */
const HOP_LIMIT = 255;

/** An IPv6 packet with an ICMPv6 message in it. */
export function icmpv6({ from, to }: FrameEnds, message: IcmpMessage): Uint8Array {
  return icmp({ source: from, destination: to, ttl: HOP_LIMIT }, message);
}

/** An IPv4 packet of a protocol. */
export function ipv4({ from, to }: FrameEnds, protocol: number, payload: Uint8Array): Uint8Array {
  return ip({ source: from, destination: to, protocol }, payload);
}

function icmp4({ from, to }: FrameEnds, message: IcmpMessage): Uint8Array {
  return icmp({ source: from, destination: to }, message);
}

/** "Of what I have seen, as `cause`, so many bytes are too many" (RFC 1191). */
export function fragmentationNeeded(ends: FrameEnds, bytes: number, cause: Uint8Array): Uint8Array {
  return icmp4(ends, { type: 3, code: 4, body: join(u16(0), u16(bytes), cause) });
}

/** The same for IPv6 (RFC 8201). */
export function packetTooBig(ends: FrameEnds, bytes: number, cause: Uint8Array): Uint8Array {
  return icmpv6(ends, { type: 2, body: join(u32(bytes), cause) });
}

/** "Nobody listens on that port": about a datagram, with no more of it than its ports. */
export function portUnreachable(
  ends: FrameEnds,
  about: FrameEnds & { readonly source: number; readonly destination: number },
): Uint8Array {
  const quoted = { source: about.from, destination: about.to };
  const data = udpPayload(quoted, { from: about.source, to: about.destination }, Uint8Array.of(0));
  const body = join(u32(0), ip({ ...quoted, protocol: PROTOCOL.udp }, data));
  return about.from.includes(":")
    ? icmpv6(ends, { type: 1, code: 4, body })
    : icmp4(ends, { type: 3, code: 3, body });
}

/** An ICMP redirect (RFC 792): "reach what `cause` is for through `gateway`". */
export function redirect4(ends: FrameEnds, gateway: string, cause: Uint8Array): Uint8Array {
  return icmp4(ends, { type: 5, code: 1, body: join(addressToBytes(gateway), cause) });
}

/** An IGMPv2 report (RFC 2236) of the group that it goes to. */
export function igmpReport(ends: FrameEnds): Uint8Array {
  const message = join(Uint8Array.of(0x16, 0, 0, 0), addressToBytes(ends.to));
  return ipv4(ends, 2, withU16(message, 2, checksum(message)));
}

export interface Advertised {
  readonly router: string;
  readonly mac: string;
  /** A /64 that is on the link, and of which addresses shall be made. */
  readonly prefix: string;
}

/** A router advertisement of high preference to all nodes; `fragment`: with a fragment header, though whole. */
export function routerAdvertisement({ router, mac, prefix }: Advertised, fragment = false): Uint8Array {
  const packet = advertisement({ source: router, mac, prefix });
  if (!fragment) return packet;
  const header = Uint8Array.of(PROTOCOL.icmp6, 0, 0, 0, 0, 0, 0, 9);
  const ends = { source: router, destination: ALL_NODES, ttl: HOP_LIMIT };
  return ip({ ...ends, protocol: PROTOCOL.fragment }, join(header, packet.subarray(40)));
}

/**
 * A neighbour solicitation or advertisement (RFC 4861 section 4.3 and 4.4) about `target`, with the sender's
 * MAC.
 */
export function neighbour6(
  type: "solicitation" | "advertisement",
  ends: FrameEnds,
  { mac, ip: target }: Station,
): Uint8Array {
  const isAsking = type === "solicitation";
  const flags = u32(isAsking ? 0 : 0x6000_0000);
  const option = join(Uint8Array.of(isAsking ? 1 : 2, 1), macToBytes(mac));
  const body = join(flags, addressToBytes(target), option);
  return icmpv6(ends, { type: isAsking ? 135 : 136, body });
}
