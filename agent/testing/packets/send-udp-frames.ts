/**
 * Sends frames through eth0, each with UDP to a port of its own: what a pod with CAP_NET_RAW can write.
 * usage: node agent/testing/packets/send-udp-frames.ts <<<'[FRAME, …]'
 */
import { readFileSync } from "node:fs";
import { checked } from "../../native/system-error.ts";
import { loadAddon } from "../../native/addon.ts";
import { addressToBytes } from "../../net/address.ts";
import { macToBytes } from "../../net/mac.ts";

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
const UDP = 17;
const HOP_BY_HOP = 0;
const FRAGMENT = 44;

function checksum(data: Uint8Array): number {
  let total = 0;
  for (let at = 0; at < data.length; at += 2) total += ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

function u16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}

/** No checksum over IPv4 says that there is none; IPv6 wants one. */
function udp({ src, dst, port }: Frame, isIpv6: boolean): Uint8Array {
  const datagram = Buffer.concat([u16(9, port, 12, 0), Buffer.from("test")]);
  if (!isIpv6) return datagram;
  const pseudo = Buffer.concat([addressToBytes(src), addressToBytes(dst), u16(0, datagram.length, 0, UDP)]);
  datagram.writeUInt16BE(checksum(Buffer.concat([pseudo, datagram])) || 0xffff, 6);
  return datagram;
}

function ipv4(frame: Frame): Uint8Array {
  const payload = udp(frame, false);
  const options = frame.options === true ? Uint8Array.of(1, 1, 1, 0) : new Uint8Array();
  const header = Buffer.concat([
    Uint8Array.of(0x45 + options.length / 4, 0),
    u16(20 + options.length + payload.length, 1, frame.fragment === true ? 0x2000 : 0),
    Uint8Array.of(64, UDP, 0, 0),
    addressToBytes(frame.src),
    addressToBytes(frame.dst),
    options,
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

function ipv6(frame: Frame): Uint8Array {
  let [next, payload] = [UDP, udp(frame, true)];
  if (frame.fragment === true)
    [next, payload] = [FRAGMENT, Buffer.concat([u16(next << 8, 1), u16(0, 7), payload])];
  if (frame.hopByHop === true)
    [next, payload] = [HOP_BY_HOP, Buffer.concat([Uint8Array.of(next, 0, 1, 4, 0, 0, 0, 0), payload])];
  return Buffer.concat([
    u16(0x6000, 0, payload.length),
    Uint8Array.of(next, 64),
    addressToBytes(frame.src),
    addressToBytes(frame.dst),
    payload,
  ]);
}

function encode(frame: Frame): Buffer {
  const isIpv6 = frame.dst.includes(":");
  return Buffer.concat([
    macToBytes(frame.mac),
    Uint8Array.of(2, 0, 0, 0, 0, 1),
    ...(frame.tags ?? []).map(([tpid, tci]) => u16(tpid, tci)),
    u16(isIpv6 ? 0x86dd : 0x0800),
    isIpv6 ? ipv6(frame) : ipv4(frame),
  ]);
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
