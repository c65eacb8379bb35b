/**
 * Sends frames through eth0, each with UDP to a port of its own: what a pod with CAP_NET_RAW can write.
 * usage: node agent/testing/packets/send-udp-frames.ts <<<'[FRAME, …]'
 */
import { readFileSync } from "node:fs";
import { checked } from "../../native/system-error.ts";
import { loadAddon } from "../../native/addon.ts";
import { ascii, join } from "./frames/bytes.ts";
import { ETHERTYPE, ethernet, tagged } from "./frames/ethernet.ts";
import { ip, padding, PROTOCOL, udpPayload } from "./frames/ip.ts";

/** One frame, as the tests write it. */
export interface Frame {
  /** Where the frame goes. */
  readonly mac: string;
  readonly src: string;
  readonly dst: string;
  readonly port: number;
  /** TPID and TCI of each tag, the outer first. */
  readonly tags?: readonly (readonly [number, number])[];
  /** The first of several fragments. */
  readonly fragment?: boolean;
  readonly hopByHop?: boolean;
  readonly options?: boolean;
}

/** linux/if_packet.h, linux/if_ether.h. */
const AF_PACKET = 17;
const SOCK_RAW = 3;

function packetOf(frame: Frame): Uint8Array {
  const { src: source, dst: destination, port, fragment = false, hopByHop = false } = frame;
  const ends = { source, destination };
  const datagram = udpPayload(ends, { from: 9, to: port }, ascii("test"));
  if (!destination.includes(":")) {
    const options = frame.options === true ? Uint8Array.of(1, 1, 1, 0) : new Uint8Array();
    const part = { id: 1, offset: 0, more: fragment };
    return ip({ ...ends, protocol: PROTOCOL.udp, options, fragment: part }, datagram);
  }
  let [protocol, payload]: [number, Uint8Array] = [PROTOCOL.udp, datagram];
  if (fragment) [protocol, payload] = [PROTOCOL.fragment, join(firstFragment(protocol), payload)];
  if (hopByHop) [protocol, payload] = [PROTOCOL.hopByHop, join(padding(protocol), payload)];
  return ip({ ...ends, protocol }, payload);
}

/** Header of the first of several fragments (RFC 8200 section 4.5). */
function firstFragment(next: number): Uint8Array {
  return Uint8Array.of(next, 0, 0, 1, 0, 0, 0, 7);
}

function encode(frame: Frame): Uint8Array {
  const type = frame.dst.includes(":") ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4;
  const ends = { destination: frame.mac, source: "02:00:00:00:00:01", type };
  return tagged(
    ethernet(ends, packetOf(frame)),
    (frame.tags ?? []).map(([tpid, tci]) => ({ type: tpid, id: tci })),
  );
}

function indexOf(link: string): number {
  return Number(
    readFileSync(`/proc/self/net/dev_mcast`, "utf8")
      .split("\n")
      .find((line) => line.includes(` ${link} `))
      ?.trim()
      .split(/\s+/)[0],
  );
}

const addon = loadAddon();
const fd = checked("open a packet socket", "socket", addon.socket(AF_PACKET, SOCK_RAW, 0));
// struct sockaddr_ll of linux/if_packet.h: family, protocol, index.
const address = Buffer.alloc(20);
address.writeUInt16LE(AF_PACKET, 0);
address.writeInt32LE(indexOf("eth0"), 4);
checked("bind to eth0", "bind", addon.bind(fd, address));
for (const frame of JSON.parse(readFileSync(0, "utf8")) as readonly Frame[])
  checked("send a frame", "send", addon.send(fd, encode(frame)));
