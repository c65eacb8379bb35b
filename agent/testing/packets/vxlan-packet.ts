import { addressToBytes, familyOf } from "../../net/address.ts";
import { macToBytes } from "../../net/mac.ts";

/**
 * What a VXLAN device sends for one UDP datagram of a pod: VXLAN header, Ethernet, IP, UDP (RFC 7348 section
 * 5).
 */
export interface VxlanPacket {
  readonly vni: number;
  /** Of the VXLAN devices. */
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  /** Of the inner datagram. */
  readonly port: number;
  /** Inner IEEE 802.1Q tag. */
  readonly vlan?: number;
  /**
   * Bytes behind the inner packet, as Ethernet pads short frames: no part of the packet, so that only the
   * outer one needs fragments.
   */
  readonly padding?: number;
  /** Of an inner IPv4 packet: its first 8 bytes of data alone, or the rest. */
  readonly fragment?: "first" | "last" | undefined;
}

export function formatVxlanPacket(packet: VxlanPacket): Buffer {
  const { vni, sourceMac, destinationMac, source, destination, port, vlan, padding = 0, fragment } = packet;
  const udp = Buffer.alloc(16);
  udp.writeUInt16BE(40_000, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(udp.length, 4);
  const data = fragment === undefined ? udp : fragment === "first" ? udp.subarray(0, 8) : udp.subarray(8);
  const tag = vlan === undefined ? [] : [0x81, 0x00, vlan >> 8, vlan & 0xff];
  const etherType = familyOf(source) === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  return Buffer.concat([
    Uint8Array.of(0x08, 0, 0, 0, vni >> 16, (vni >> 8) & 0xff, vni & 0xff, 0),
    macToBytes(destinationMac),
    macToBytes(sourceMac),
    Uint8Array.from([...tag, ...etherType]),
    familyOf(source) === 4
      ? ipv4Header({ source, destination, data, fragment })
      : ipv6Header(source, destination, udp),
    data,
    Buffer.alloc(padding),
  ]);
}

interface Ipv4Packet extends Pick<VxlanPacket, "source" | "destination" | "fragment"> {
  readonly data: Buffer;
}

function ipv4Header({ source, destination, data, fragment }: Ipv4Packet): Buffer {
  const header = Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0]);
  header.writeUInt16BE(20 + data.length, 2);
  // More fragments follow (RFC 791), or an offset of 8 bytes.
  if (fragment !== undefined) header.writeUInt16BE(fragment === "first" ? 0x2000 : 1, 6);
  const whole = Buffer.concat([header, addressToBytes(source), addressToBytes(destination)]);
  let sum = 0;
  for (let offset = 0; offset < whole.length; offset += 2) sum += whole.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  whole.writeUInt16BE(~sum & 0xffff, 10);
  return whole;
}

function ipv6Header(source: string, destination: string, udp: Buffer): Buffer {
  const header = Buffer.from([0x60, 0, 0, 0, 0, 0, 17, 64]);
  header.writeUInt16BE(udp.length, 4);
  return Buffer.concat([header, addressToBytes(source), addressToBytes(destination)]);
}
