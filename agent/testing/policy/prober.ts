/**
 * Sends first packets of connections out of one link, and tells which of them come in again by another; needs
 * CAP_NET_RAW. Answers each line of JSON (ProbeRequest) that comes through its socket with a line: a
 * character for each probe, "1" if it came. On one processor packets keep their order.
 * usage: taskset -c N node agent/testing/policy/prober.ts SOCKET OUT IN ROUTER_MAC
 */
import { execFileSync } from "node:child_process";
import { readSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { loadAddon } from "../../native/addon.ts";
import { checked } from "../../native/system-error.ts";
import { type FrameId, probeFrame, readFrameId } from "./probe-frames.ts";
import type { ProbeRequest } from "./probe.ts";
import { codeOf } from "../../lib/errors.ts";

/** sys/socket.h, linux/if_packet.h and linux/if_ether.h. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 0x0003;

/** So many packets fit into the smallest buffer of a socket. */
const CHUNK = 100;
const DEADLINE_MS = 10_000;

/** Passes whatever policies say, behind the last of a chunk. */
const MARKER = { source: "198.18.0.1", destination: "198.18.0.2", protocol: 17, port: 9 } as const;

const [path = "", out = "", back = "", routerMac = ""] = process.argv.slice(2);
const addon = loadAddon();

function openLink(name: string, protocol: number): number {
  const [link] = JSON.parse(execFileSync("ip", ["-json", "link", "show", name], { encoding: "utf8" })) as {
    readonly ifindex: number;
  }[];
  // struct sockaddr_ll of linux/if_packet.h
  const address = Buffer.alloc(20);
  new DataView(address.buffer, address.byteOffset).setUint16(0, AF_PACKET, true);
  address.writeUInt16BE(protocol, 2);
  address.writeInt32LE(link?.ifindex ?? 0, 4);
  const fd = checked("open a packet socket", "socket", addon.socket(AF_PACKET, SOCK_RAW, 0));
  checked("bind", "bind", addon.bind(fd, address));
  return fd;
}

const sender = openLink(out, 0);
const receiver = openLink(back, ETH_P_ALL);
const frame = Buffer.alloc(2048);
let chunks = 0;

/**
 * Takes one frame into `frame`; its size, or undefined where none has come. A packet socket refuses the flags
 * of recvmsg that the addon gives.
 */
function receive(): number | undefined {
  try {
    return readSync(receiver, frame);
  } catch (error) {
    if (codeOf(error) === "EAGAIN") return undefined;
    throw error;
  }
}

/** Takes what has come until the marker of the chunk. */
function collect(chunk: number, take: (index: number) => void): void {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const size = receive();
    if (size === undefined) {
      if (performance.now() > end) throw new Error(`the marker of chunk ${chunk} did not come`);
      continue;
    }
    const id = readFrameId(frame.subarray(0, size));
    if (id?.chunk !== chunk) continue;
    if (id.index === CHUNK) return;
    take(id.index);
  }
}

function send(id: FrameId, probe: Parameters<typeof probeFrame>[1]): void {
  checked("send", "send", addon.send(sender, probeFrame({ ...id, routerMac }, probe)));
}

function probeAll({ addresses, probes }: ProbeRequest): string {
  const came = Buffer.alloc(probes.length, "0");
  for (let start = 0; start < probes.length; start += CHUNK) {
    const chunk = ++chunks & 0xffff;
    const part = probes.slice(start, start + CHUNK);
    for (const [index, [from, to, protocol, port]] of part.entries()) {
      const [source = "", destination = ""] = [addresses[from], addresses[to]];
      send({ chunk, index }, { source, destination, protocol, port });
    }
    send({ chunk, index: CHUNK }, MARKER);
    collect(chunk, (index) => came.write("1", start + index));
  }
  return came.toString();
}

createServer((socket) => {
  createInterface(socket).on("line", (line) => {
    socket.write(`${probeAll(JSON.parse(line) as ProbeRequest)}\n`);
  });
}).listen(path, () => process.stdout.write("ready\n"));
