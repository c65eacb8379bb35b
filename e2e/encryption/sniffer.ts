/**
 * Looks at every frame of a network namespace, and counts. Prints "listening", and at SIGTERM its counts as
 * JSON ({@link FrameCounts}). As root.
 * usage: node sniffer.ts PORT MARKER   PORT: of WireGuard   MARKER: text that only inner packets hold
 */
import { readSync } from "node:fs";
import { loadAddon, UV_READABLE } from "../../agent/native/addon.ts";
import { codeOf } from "../../agent/lib/errors.ts";

export interface FrameCounts {
  /** Frames of UDP from or to the port. */
  readonly encrypted: number;
  /** Frames that hold the marker anywhere. */
  readonly marked: number;
  /** Frames of pods, by source and destination: 10.244.0.0/16 and fd00:10:244::/48, also inside VXLAN. */
  readonly clear: Readonly<Record<string, number>>;
}

/** linux/if_packet.h, linux/if_ether.h, asm/socket.h, linux/in.h. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 0x0300; // in network order
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const ETHER_TYPES = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const ETHER_BYTES = 14;
const UDP = 17;
const VXLAN_PORT = 4789;
const VXLAN_BYTES = 8 + 8;

const [port = "", marker = ""] = process.argv.slice(2);
const counts = { encrypted: 0, marked: 0, clear: {} as Record<string, number> };
const addon = loadAddon();
const fd = addon.socket(AF_PACKET, SOCK_RAW, ETH_P_ALL);
if (fd < 0) throw new Error(`Cannot open a packet socket: ${fd}`);
addon.setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 256 * 1024 * 1024);
const bytes = Buffer.alloc(70_000);

addon.poll(fd, UV_READABLE, () => {
  for (let size = receive(); size > 0; size = receive()) count(bytes.subarray(0, size));
});
process.once("SIGTERM", () => {
  console.log(JSON.stringify(counts));
  process.exit();
});
console.log("listening");

/** Takes one frame into `bytes`; 0 without one. The addon's flags of recvmsg are not for packet sockets. */
function receive(): number {
  try {
    return readSync(fd, bytes);
  } catch (error) {
    if (codeOf(error) === "EAGAIN") return 0;
    throw error;
  }
}

function count(frame: Buffer): void {
  if (frame.includes(marker)) counts.marked += 1;
  const packet = readPacket(frame);
  if (packet === undefined) return;
  const { source, destination, ports, payload } = packet;
  if (ports.includes(Number(port))) counts.encrypted += 1;
  if (ports.includes(VXLAN_PORT)) count(payload.subarray(VXLAN_BYTES));
  if (![source, destination].some((address) => isPod(address))) return;
  const way = `${source} > ${destination}`;
  counts.clear[way] = (counts.clear[way] ?? 0) + 1;
}

function isPod(address: string): boolean {
  return /^0af4|^fd0000100244/.test(address);
}

interface Packet {
  /** In hexadecimal. */
  readonly source: string;
  readonly destination: string;
  /** Of UDP; none otherwise. */
  readonly ports: readonly number[];
  readonly payload: Buffer;
}

function readPacket(frame: Buffer): Packet | undefined {
  const type = frame.length > ETHER_BYTES + 40 ? frame.readUInt16BE(ETHER_BYTES - 2) : 0;
  const packet = frame.subarray(ETHER_BYTES);
  if (type === ETHER_TYPES.ipv4)
    return withPorts(packet, { source: 12, length: 4, protocol: 9, header: ((packet[0] ?? 0) & 15) * 4 });
  if (type === ETHER_TYPES.ipv6) return withPorts(packet, { source: 8, length: 16, protocol: 6, header: 40 });
  return undefined;
}

/** Offsets and lengths in bytes. */
interface Layout {
  readonly source: number;
  readonly length: number;
  readonly protocol: number;
  readonly header: number;
}

function withPorts(packet: Buffer, { source, length, protocol, header }: Layout): Packet {
  const address = (offset: number): string => packet.toString("hex", offset, offset + length);
  const payload = packet.subarray(header);
  const hasPorts = packet[protocol] === UDP && payload.length >= 8;
  return {
    source: address(source),
    destination: address(source + length),
    ports: hasPorts ? [payload.readUInt16BE(0), payload.readUInt16BE(2)] : [],
    payload,
  };
}
