import { addressToBytes, familyOf } from "../../net/address.ts";
import { macToBytes } from "../../net/mac.ts";

/** First packet of a connection; of ICMP an echo request. */
export interface ProbePacket {
  readonly source: string;
  readonly destination: string;
  /** Its number. */
  readonly protocol: number;
  readonly port: number;
}

/**
 * By which a frame that comes back is known: it goes into the source port (echo identifier) and the packet's
 * number or flow label.
 */
export interface FrameId {
  /** 16 bits. */
  readonly chunk: number;
  readonly index: number;
}

const ETHERNET_BYTES = 14;
const FIRST_PORT = 40_000;
const [ICMP, TCP, UDP, ICMPV6, SCTP] = [1, 6, 17, 58, 132];
const OWN_MAC = "02:00:00:00:00:01";

/** Checksums of what is in the packet stay empty: routers do not look at them. */
export function probeFrame(
  { chunk, index, routerMac }: FrameId & { readonly routerMac: string },
  { source, destination, protocol, port }: ProbePacket,
): Buffer {
  const family = familyOf(source);
  const payload = transport(protocol, FIRST_PORT + index, port);
  const ends = [addressToBytes(source), addressToBytes(destination)];
  const type = family === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  const head =
    family === 4
      ? ipv4Head(protocol, chunk, payload.length, ends)
      : Buffer.from([0x60, 0, chunk >>> 8, chunk, 0, payload.length, protocol, 64]);
  return Buffer.concat([
    macToBytes(routerMac),
    macToBytes(OWN_MAC),
    Buffer.from(type),
    head,
    ...ends,
    payload,
  ]);
}

/** Undefined for what is none of ours. */
export function readFrameId(frame: Buffer): FrameId | undefined {
  const version = (frame[ETHERNET_BYTES] ?? 0) >>> 4;
  if (version !== 4 && version !== 6) return undefined;
  const start = ETHERNET_BYTES + (version === 4 ? 20 : 40);
  if (frame.length < start + 8) return undefined;
  const protocol = frame[ETHERNET_BYTES + (version === 4 ? 9 : 6)] ?? 0;
  const isEcho = protocol === ICMP || protocol === ICMPV6;
  return {
    chunk: frame.readUInt16BE(ETHERNET_BYTES + (version === 4 ? 4 : 2)),
    index: frame.readUInt16BE(start + (isEcho ? 4 : 0)) - FIRST_PORT,
  };
}

function ipv4Head(protocol: number, id: number, length: number, ends: readonly Uint8Array[]): Buffer {
  const head = Buffer.from([0x45, 0, 0, 20 + length, id >>> 8, id, 0, 0, 64, protocol, 0, 0]);
  let sum = 0;
  const whole = Buffer.concat([head, ...ends]);
  for (let offset = 0; offset < whole.length; offset += 2) sum += whole.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  head.writeUInt16BE(~sum & 0xffff, 10);
  return head;
}

function transport(protocol: number, source: number, destination: number): Buffer {
  const ports = Buffer.from([source >>> 8, source, destination >>> 8, destination]);
  switch (protocol) {
    case TCP: // SYN
      return Buffer.concat([ports, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 255, 255, 0, 0, 0, 0])]);
    case UDP:
      return Buffer.concat([ports, Buffer.from([0, 8, 0, 0])]);
    case SCTP: // INIT (RFC 9260 section 3.3.2)
      return Buffer.concat([
        ports,
        Buffer.alloc(8),
        Buffer.from([1, 0, 0, 20, 1, 2, 3, 4, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]),
      ]);
    case ICMP:
    case ICMPV6:
      return Buffer.from([protocol === ICMP ? 8 : 128, 0, 0, 0, source >>> 8, source, 0, 1]);
    default:
      return Buffer.concat([ports, Buffer.alloc(4)]);
  }
}
