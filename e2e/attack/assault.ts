import { runCommand } from "../lib/command.ts";
import type { Netns } from "../lib/netns.ts";
import type { AttackLab, Stand } from "./attack-lab.ts";
import { hex } from "../../agent/testing/packets/frames/bytes.ts";
import { ETHERTYPE, ethernet } from "../../agent/testing/packets/frames/ethernet.ts";
import { udp } from "../../agent/testing/packets/frames/ip.ts";
import { VXLAN } from "../../agent/testing/packets/frames/vxlan.ts";

/** What containerd, CRI-O and Docker leave to a container by default. */
const RUNTIME_DEFAULT =
  "chown,dac_override,fsetid,fowner,mknod,net_raw,setgid,setuid,setfcap,setpcap,net_bind_service,sys_chroot,kill,audit_write";

/** Words before a command that take from it all capabilities but these of a container. */
export function confined(capabilities: "runtime default" | "none"): readonly string[] {
  if (capabilities === "none") return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
  const kept = RUNTIME_DEFAULT.split(",")
    .map((name) => `+${name}`)
    .join(",");
  return ["setpriv", `--bounding-set=-all,${kept}`, `--inh-caps=-all,${kept}`, "--no-new-privs"];
}

/** Sends frames as a container may that runs with its runtime's defaults. */
export async function sendFrames(
  { program }: AttackLab,
  { netns, link }: Pick<Stand, "netns" | "link">,
  frames: readonly Uint8Array[],
  count = 1,
): Promise<void> {
  const input = frames.map((frame) => `${count} ${hex(frame)}\n`).join("");
  await runCommand([...netns.enter, ...confined("runtime default"), program, "send", link], { input });
}

/** Fits into every MTU of the lab. */
const SEGMENT_SIZE = 1000;

/** The same, of frames of TCP that are larger than the link's packets: whoever takes them cuts them. */
export async function sendOversized(
  { program }: AttackLab,
  { netns, link }: Pick<Stand, "netns" | "link">,
  frames: readonly Uint8Array[],
): Promise<void> {
  const input = frames.map((frame) => `1 ${hex(frame)}\n`).join("");
  const command = [program, "offload", link, String(SEGMENT_SIZE)];
  await runCommand([...netns.enter, ...confined("runtime default"), ...command], { input });
}

export interface Datagram {
  readonly to: string;
  readonly port: number;
  readonly data: Uint8Array;
}

/** Sends datagrams as anybody may. */
export async function sendDatagrams(
  { program }: AttackLab,
  netns: Netns,
  datagrams: readonly Datagram[],
): Promise<void> {
  const input = datagrams.map(({ to, port, data }) => `${to} ${port} 1 ${hex(data)}\n`).join("");
  await runCommand([...netns.enter, ...confined("none"), program, "udp"], { input });
}

/**
 * The same data in one go, for the network card to cut (UDP segmentation): a link between machines in memory
 * has none, so the receiver cuts. All have the length of the first.
 */
export async function sendSegments(
  { program }: AttackLab,
  netns: Netns,
  to: string,
  segments: readonly Uint8Array[],
): Promise<void> {
  const size = segments[0]?.length ?? 0;
  const input = `${to} ${VXLAN.port} 1 ${segments.map(hex).join("")}\n`;
  await runCommand([...netns.enter, ...confined("none"), program, "segments", String(size)], { input });
}

/** Puts a packet into a frame from the stand to its gateway. */
export function frameOf({ mac, gatewayMac }: Stand, packet: Uint8Array): Uint8Array {
  const isV6 = packet[0] !== undefined && packet[0] >>> 4 === 6;
  const type = isV6 ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4;
  return ethernet({ source: mac, destination: gatewayMac, type }, packet);
}

/** Ports of what attackers send and victims listen to. */
export const PORTS = { from: 40_000, to: 9_999 } as const;

interface DatagramInput {
  readonly source?: string;
  readonly destination: string;
  readonly data: Uint8Array;
  /** Port to send from. */
  readonly from?: number;
}

/** A frame with a datagram to an address: from the stand's own unless another source is given. */
export function datagramFrame(
  stand: Stand,
  { source, destination, data, from = PORTS.from }: DatagramInput,
): Uint8Array {
  const own = stand.addresses[destination.includes(":") ? 1 : 0];
  return frameOf(stand, udp({ source: source ?? own, destination }, { ...PORTS, from }, data));
}
