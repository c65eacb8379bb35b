import { addressToBytes } from "../../net/address.ts";
import { macToBytes } from "../../net/mac.ts";

/** Frames that no kernel would send for a pod, byte by byte. */

export interface FrameEnds {
  readonly from: string;
  readonly to: string;
}

const ETHER_TYPES = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;

/** An Ethernet frame; `tags`: numbers of VLANs, the outermost first. */
export function ethernet(
  { from, to }: FrameEnds,
  type: keyof typeof ETHER_TYPES,
  payload: Uint8Array,
  tags: readonly number[] = [],
): Buffer {
  const tagged = tags.flatMap((tag) => [u16(ETHER_TYPES.vlan), u16(tag)]);
  return Buffer.concat([macToBytes(to), macToBytes(from), ...tagged, u16(ETHER_TYPES[type]), payload]);
}

/** ARP of Ethernet and IPv4 (RFC 826). */
export function arp(operation: "request" | "reply", sender: Station, target: Station): Buffer {
  const head = Buffer.from([0, 1, 8, 0, 6, 4, 0, operation === "request" ? 1 : 2]);
  return Buffer.concat([
    head,
    ...[sender, target].flatMap(({ mac, ip }) => [macToBytes(mac), addressToBytes(ip)]),
  ]);
}

export interface Station {
  readonly mac: string;
  readonly ip: string;
}

/**
 * An IPv6 packet with an ICMPv6 message in it, its checksum filled in; `fragment`: with a fragment header,
 * though whole.
 */
export function icmpv6(
  { from, to }: FrameEnds,
  { type, code = 0, body }: { readonly type: number; readonly code?: number; readonly body: Uint8Array },
  fragment = false,
): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0]), body]);
  const ends = Buffer.concat([addressToBytes(from), addressToBytes(to)]);
  const pseudo = Buffer.concat([ends, u32(message.length), Buffer.from([0, 0, 0, 58])]);
  message.writeUInt16BE(checksum(Buffer.concat([pseudo, message])), 2);
  const extension = fragment ? Buffer.from([58, 0, 0, 0, 0, 0, 0, 9]) : Buffer.alloc(0);
  const head = Buffer.from([0x60, 0, 0, 0, 0, 0, fragment ? 44 : 58, 255]);
  head.writeUInt16BE(extension.length + message.length, 4);
  return Buffer.concat([head, ends, extension, message]);
}

/** An IPv4 packet of a protocol. */
export function ipv4({ from, to }: FrameEnds, protocol: number, payload: Uint8Array): Buffer {
  const head = Buffer.from([0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0]);
  head.writeUInt16BE(20 + payload.length, 2);
  const packet = Buffer.concat([head, addressToBytes(from), addressToBytes(to), payload]);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  return packet;
}

/** "Of what I have seen, as `cause`, so many bytes are too many" (RFC 1191). */
export function fragmentationNeeded(ends: FrameEnds, bytes: number, cause: Uint8Array): Buffer {
  const message = Buffer.concat([Buffer.from([3, 4, 0, 0, 0, 0]), u16(bytes), cause]);
  message.writeUInt16BE(checksum(message), 2);
  return ipv4(ends, 1, message);
}

/** The same for IPv6 (RFC 8201). */
export function packetTooBig(ends: FrameEnds, bytes: number, cause: Uint8Array): Buffer {
  return icmpv6(ends, { type: 2, body: Buffer.concat([u32(bytes), cause]) });
}

/** "Nobody listens on that port": about a datagram, with no more of it than its ports. */
export function portUnreachable(
  ends: FrameEnds,
  about: FrameEnds & { readonly source: number; readonly destination: number },
): Buffer {
  const udp = Buffer.concat([u16(about.source), u16(about.destination), u16(9), u16(0)]);
  if (about.from.includes(":")) {
    const head = Buffer.from([0x60, 0, 0, 0, 0, 9, 17, 64]);
    const cause = Buffer.concat([head, addressToBytes(about.from), addressToBytes(about.to), udp]);
    return icmpv6(ends, { type: 1, code: 4, body: Buffer.concat([u32(0), cause]) });
  }
  const message = Buffer.concat([Buffer.from([3, 3, 0, 0, 0, 0, 0, 0]), ipv4(about, 17, udp)]);
  message.writeUInt16BE(checksum(message), 2);
  return ipv4(ends, 1, message);
}

/** An ICMP redirect (RFC 792): "reach what `cause` is for through `gateway`". */
export function redirect4(ends: FrameEnds, gateway: string, cause: Uint8Array): Buffer {
  const message = Buffer.concat([Buffer.from([5, 1, 0, 0]), addressToBytes(gateway), cause]);
  message.writeUInt16BE(checksum(message), 2);
  return ipv4(ends, 1, message);
}

/** An IGMPv2 report (RFC 2236) of the group that it goes to. */
export function igmpReport(ends: FrameEnds): Buffer {
  const message = Buffer.concat([Buffer.from([0x16, 0, 0, 0]), addressToBytes(ends.to)]);
  message.writeUInt16BE(checksum(message), 2);
  return ipv4(ends, 2, message);
}

export interface Advertised {
  readonly router: string;
  readonly mac: string;
  /** A /64 that is on the link, and of which addresses shall be made. */
  readonly prefix: string;
}

/**
 * A router advertisement of high preference (RFC 4861, 4191) to all nodes, with a prefix and a route to it
 * through the router.
 */
export function routerAdvertisement({ router, mac, prefix }: Advertised, fragment = false): Buffer {
  const lifetime = Buffer.concat([u32(86_400), u32(14_400), u32(0)]);
  const body = Buffer.concat([
    Buffer.from([64, 0x08, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([1, 1]),
    macToBytes(mac),
    Buffer.from([3, 4, 64, 0xc0]),
    lifetime,
    addressToBytes(prefix),
  ]);
  return icmpv6({ from: router, to: "ff02::1" }, { type: 134, body }, fragment);
}

/**
 * A neighbour solicitation or advertisement (RFC 4861 section 4.3 and 4.4) about `target`, with the sender's
 * MAC.
 */
export function neighbour6(
  type: "solicitation" | "advertisement",
  ends: FrameEnds,
  { mac, ip }: Station,
): Buffer {
  const isAsking = type === "solicitation";
  const flags = u32(isAsking ? 0 : 0x6000_0000);
  const option = Buffer.concat([Buffer.from([isAsking ? 1 : 2, 1]), macToBytes(mac)]);
  const body = Buffer.concat([flags, addressToBytes(ip), option]);
  return icmpv6(ends, { type: isAsking ? 135 : 136, body });
}

/** RFC 1071 */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
