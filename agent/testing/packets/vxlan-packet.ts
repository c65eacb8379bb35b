import { familyOf } from "../../net/address.ts";
import { join, u32 } from "./frames/bytes.ts";
import { ETHERTYPE, ethernet, tagged } from "./frames/ethernet.ts";
import { ip, PROTOCOL, udpPayload } from "./frames/ip.ts";

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
  const ends = { source, destination };
  const udp = udpPayload(ends, { from: 40_000, to: port }, new Uint8Array(8));
  const data = fragment === undefined ? udp : fragment === "first" ? udp.subarray(0, 8) : udp.subarray(8);
  const isFirst = fragment === "first";
  const part = fragment === undefined ? {} : { fragment: { id: 1, offset: isFirst ? 0 : 8, more: isFirst } };
  const type = familyOf(source) === 4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6;
  const frame = ethernet(
    { source: sourceMac, destination: destinationMac, type },
    ip({ ...ends, protocol: PROTOCOL.udp, ...part }, data),
  );
  const tags = vlan === undefined ? [] : [{ type: ETHERTYPE.vlan, id: vlan }];
  return Buffer.from(join(u32(0x0800_0000), u32(vni << 8), tagged(frame, tags), new Uint8Array(padding)));
}
