import { macOf } from "../../../net/mac.ts";
import { join, u32 } from "./bytes.ts";
import { ETHERTYPE, ethernet } from "./ethernet.ts";

/** What every node of a cluster with default settings uses. */
export const VXLAN = { port: 4789, vni: 4096 } as const;

export interface Tunnel {
  /** Addresses of the nodes at both ends, from which the MACs of their devices follow. */
  readonly from: string;
  readonly to: string;
}

/** The data of the UDP datagram that carries a packet through the overlay (RFC 7348). */
export function vxlan({ from, to }: Tunnel, packet: Uint8Array): Uint8Array {
  const isV6 = packet[0] !== undefined && packet[0] >>> 4 === 6;
  const type = isV6 ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4;
  const frame = ethernet({ source: macOf(from), destination: macOf(to), type }, packet);
  return join(u32(0x0800_0000), u32(VXLAN.vni << 8), frame);
}
