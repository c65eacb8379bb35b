import { addressToBytes } from "../../../net/address.ts";
import { checksum, join, u16, u32, withU16 } from "./bytes.ts";

/** Numbers of netinet/in.h. */
export const PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  icmp6: 58,
  destinationOptions: 60,
} as const;

export interface IpHeader {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** TTL or hop limit, 64 unless given. */
  readonly ttl?: number;
  /** Of IPv4: options, padded to words by the caller. */
  readonly options?: Uint8Array;
  /** Of IPv4: offset in bytes, and whether more follows. */
  readonly fragment?: { readonly id: number; readonly offset: number; readonly more: boolean };
}

/** A packet of the family that its addresses have. */
export function ip(header: IpHeader, payload: Uint8Array): Uint8Array {
  return header.source.includes(":") ? ipv6(header, payload) : ipv4(header, payload);
}

function ipv4(header: IpHeader, payload: Uint8Array): Uint8Array {
  const { source, destination, protocol, ttl = 64, options = new Uint8Array(), fragment } = header;
  const words = 5 + options.length / 4;
  const { id, offset, more } = fragment ?? { id: 1, offset: 0, more: false };
  const bytes = join(
    Uint8Array.of(0x40 | words, 0),
    u16(words * 4 + payload.length),
    u16(id),
    u16((more ? 0x2000 : 0) | (offset / 8)),
    Uint8Array.of(ttl, protocol, 0, 0),
    addressToBytes(source),
    addressToBytes(destination),
    options,
  );
  return join(withU16(bytes, 10, checksum(bytes)), payload);
}

function ipv6({ source, destination, protocol, ttl = 64 }: IpHeader, payload: Uint8Array): Uint8Array {
  return join(
    u32(0x60000000),
    u16(payload.length),
    Uint8Array.of(protocol, ttl),
    addressToBytes(source),
    addressToBytes(destination),
    payload,
  );
}

type Ends = Pick<IpHeader, "source" | "destination">;

/** The checksum of a payload with its pseudo header (RFC 768, RFC 8200 section 8.1). */
function payloadChecksum({ source, destination }: Ends, protocol: number, payload: Uint8Array): number {
  const ends = join(addressToBytes(source), addressToBytes(destination));
  return checksum(join(ends, u32(payload.length), u32(protocol), payload));
}

/** Header with options that only pad (RFC 8200 section 4.2). */
export function padding(next: number): Uint8Array {
  return Uint8Array.of(next, 0, 1, 4, 0, 0, 0, 0);
}

/** As many headers of options as fit into a packet of every link, and what follows them. */
export function behindHeaders(next: number, payload: Uint8Array, count = 100): Uint8Array {
  const chain = Array.from({ length: count }, (_, index) =>
    padding(index === count - 1 ? next : PROTOCOL.destinationOptions),
  );
  return join(...chain, payload);
}

/** A UDP datagram in its IP packet. */
export function udp(
  ends: Ends & Omit<IpHeader, "protocol">,
  ports: { readonly from: number; readonly to: number },
  data: Uint8Array,
): Uint8Array {
  return ip({ ...ends, protocol: PROTOCOL.udp }, udpPayload(ends, ports, data));
}

/** What stands behind the IP header of a UDP datagram. */
export function udpPayload(
  ends: Ends,
  ports: { readonly from: number; readonly to: number },
  data: Uint8Array,
): Uint8Array {
  const bytes = join(u16(ports.from), u16(ports.to), u16(8 + data.length), u16(0), data);
  // Zero says that there is none, which IPv6 does not take.
  return withU16(bytes, 6, payloadChecksum(ends, PROTOCOL.udp, bytes) || 0xffff);
}

/**
 * TCP data of a connection that nobody has opened (RFC 9293), in its IP packet. Its checksum is that of the
 * pseudo header alone, for a network card to complete.
 */
export function tcpToComplete(
  ends: Ends,
  ports: { readonly from: number; readonly to: number },
  data: Uint8Array,
): Uint8Array {
  const acknowledges = 0x10;
  const header = join(
    u16(ports.from),
    u16(ports.to),
    u32(1),
    u32(1),
    Uint8Array.of(0x50, acknowledges),
    u16(0xffff),
    u32(0),
  );
  const addresses = join(addressToBytes(ends.source), addressToBytes(ends.destination));
  const length = header.length + data.length;
  const sum = ~checksum(join(addresses, u32(length), u32(PROTOCOL.tcp))) & 0xffff;
  return ip({ ...ends, protocol: PROTOCOL.tcp }, join(withU16(header, 16, sum), data));
}

export interface IcmpMessage {
  readonly type: number;
  readonly code?: number;
  /** Behind the checksum. */
  readonly body: Uint8Array;
}

/** An ICMP or ICMPv6 message, by the family of the addresses, in its IP packet. */
export function icmp(
  ends: Ends & { readonly ttl?: number },
  { type, code = 0, body }: IcmpMessage,
): Uint8Array {
  const bytes = join(Uint8Array.of(type, code, 0, 0), body);
  const isV6 = ends.source.includes(":");
  const protocol = isV6 ? PROTOCOL.icmp6 : PROTOCOL.icmp;
  const sum = isV6 ? payloadChecksum(ends, protocol, bytes) : checksum(bytes);
  return ip({ ...ends, protocol }, withU16(bytes, 2, sum));
}
