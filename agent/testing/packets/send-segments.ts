/**
 * Sends datagrams of one size as one packet, for the network card to cut: UDP segmentation, which any program
 * may ask for (udp(7)).
 * usage: node agent/testing/packets/send-segments.ts DESTINATION PORT SIZE HEX
 */
import { loadAddon } from "../../native/addon.ts";
import { checked } from "../../native/system-error.ts";
import { addressToBytes, familyOf } from "../../net/address.ts";

const [destination = "", port = "", size = "", hex = ""] = process.argv.slice(2);
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
/** linux/udp.h: SOL_UDP is the protocol's number. */
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

function socketAddress(): Buffer {
  const isIpv6 = familyOf(destination) === 6;
  const bytes = Buffer.alloc(isIpv6 ? 28 : 16);
  bytes[0] = isIpv6 ? AF_INET6 : AF_INET;
  bytes.writeUInt16BE(Number(port), 2);
  bytes.set(addressToBytes(destination), isIpv6 ? 8 : 4);
  return bytes;
}

const addon = loadAddon();
const family = familyOf(destination) === 6 ? AF_INET6 : AF_INET;
const fd = checked("open a socket", "socket", addon.socket(family, SOCK_DGRAM, 0));
checked("ask for segments", "setsockopt", addon.setOption(fd, SOL_UDP, UDP_SEGMENT, Number(size)));
checked("connect", "connect", addon.connect(fd, socketAddress()));
checked("send", "send", addon.send(fd, Buffer.from(hex, "hex")));
