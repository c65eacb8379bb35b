/**
 * Sends Ethernet frames as they are, from the namespace that it runs in; needs CAP_NET_RAW.
 * usage: node agent/testing/packets/send-frames.ts INTERFACE HEX…
 */
import { execFileSync } from "node:child_process";
import { loadAddon } from "../../native/addon.ts";
import { checked } from "../../native/system-error.ts";

/** sys/socket.h, linux/if_packet.h and linux/if_ether.h. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 0x0003;

const [name = "", ...frames] = process.argv.slice(2);

/** struct sockaddr_ll of linux/if_packet.h; no protocol: nothing is to be received. */
function linkAddress(index: number): Buffer {
  const bytes = Buffer.alloc(20);
  new DataView(bytes.buffer, bytes.byteOffset).setUint16(0, AF_PACKET, true);
  bytes.writeUInt16BE(ETH_P_ALL, 2);
  bytes.writeInt32LE(index, 4);
  return bytes;
}

const [link] = JSON.parse(execFileSync("ip", ["-json", "link", "show", name], { encoding: "utf8" })) as {
  readonly ifindex: number;
}[];
const addon = loadAddon();
const fd = checked("open a packet socket", "socket", addon.socket(AF_PACKET, SOCK_RAW, 0));
checked("bind", "bind", addon.bind(fd, linkAddress(link?.ifindex ?? 0)));
for (const frame of frames) checked("send", "send", addon.send(fd, Buffer.from(frame, "hex")));
