import { addressFromBytes } from "./address.ts";

/** What the headers of an IP packet tell. */
export interface PacketHeaders {
  readonly source: string;
  readonly destination: string;
  /** Number of the transport protocol. */
  readonly protocol: number;
  /** Undefined for a protocol without ports, and for a later fragment. */
  readonly ports: { readonly source: number; readonly destination: number } | undefined;
  /** Type of an ICMP message, undefined for everything else. */
  readonly icmpType: number | undefined;
}

const [ICMP, TCP, UDP, DCCP, ICMPV6, SCTP, UDPLITE] = [1, 6, 17, 33, 58, 132, 136];
const WITH_PORTS: ReadonlySet<number> = new Set([TCP, UDP, DCCP, SCTP, UDPLITE]);

/**
 * IPv6 extension headers that stand before the transport's: their length is told in units of 8 bytes, without
 * the first.
 */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60, 135]);
const [FRAGMENT, AUTHENTICATION] = [44, 51];

/**
 * Reads the beginning of an IP packet, which may be cut anywhere; undefined where not even the addresses are
 * there.
 */
export function readPacket(bytes: Uint8Array): PacketHeaders | undefined {
  const version = (bytes[0] ?? 0) >>> 4;
  if (version === 4) return readIpv4(bytes);
  return version === 6 ? readIpv6(bytes) : undefined;
}

function readIpv4(bytes: Uint8Array): PacketHeaders | undefined {
  if (bytes.length < 20) return undefined;
  const isLater = (u16(bytes, 6) & 0x1fff) !== 0;
  return {
    source: addressFromBytes(bytes.subarray(12, 16)),
    destination: addressFromBytes(bytes.subarray(16, 20)),
    ...readTransport(bytes, { protocol: bytes[9] ?? 0, at: ((bytes[0] ?? 0) & 15) * 4, isLater }),
  };
}

function readIpv6(bytes: Uint8Array): PacketHeaders | undefined {
  if (bytes.length < 40) return undefined;
  return {
    source: addressFromBytes(bytes.subarray(8, 24)),
    destination: addressFromBytes(bytes.subarray(24, 40)),
    ...readTransport(bytes, skipExtensions(bytes)),
  };
}

interface Transport {
  readonly protocol: number;
  /** Where its header begins. */
  readonly at: number;
  /** It has none, since this is not the first fragment. */
  readonly isLater: boolean;
}

function skipExtensions(bytes: Uint8Array): Transport {
  let protocol = bytes[6] ?? 0;
  let at = 40;
  let isLater = false;
  while (at + 8 <= bytes.length) {
    if (EXTENSIONS.has(protocol)) [protocol, at] = [bytes[at] ?? 0, at + 8 * ((bytes[at + 1] ?? 0) + 1)];
    else if (protocol === AUTHENTICATION)
      [protocol, at] = [bytes[at] ?? 0, at + 4 * ((bytes[at + 1] ?? 0) + 2)];
    else if (protocol === FRAGMENT) {
      isLater ||= u16(bytes, at + 2) >>> 3 !== 0;
      [protocol, at] = [bytes[at] ?? 0, at + 8];
    } else break;
  }
  return { protocol, at, isLater };
}

function readTransport(
  bytes: Uint8Array,
  { protocol, at, isLater }: Transport,
): Pick<PacketHeaders, "protocol" | "ports" | "icmpType"> {
  const hasPorts = WITH_PORTS.has(protocol) && !isLater && at + 4 <= bytes.length;
  const isIcmp = (protocol === ICMP || protocol === ICMPV6) && !isLater;
  return {
    protocol,
    ports: hasPorts ? { source: u16(bytes, at), destination: u16(bytes, at + 2) } : undefined,
    icmpType: isIcmp ? bytes[at] : undefined,
  };
}

function u16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
