/**
 * Sends one SCTP INIT (RFC 9260 section 3.3.2): Node.js has no SCTP, and not every kernel has sockets for it.
 * usage: node agent/testing/packets/send-sctp.ts SOURCE DESTINATION PORT
 */
import { addressToBytes } from "../../net/address.ts";
import { checked } from "../../native/system-error.ts";
import { loadAddon } from "../../native/addon.ts";

const [source = "", destination = "", port = ""] = process.argv.slice(2);
const AF_INET = 2;
const SOCK_RAW = 3;
const IPPROTO_SCTP = 132;

/** CRC32c (RFC 9260 appendix A), which conntrack checks. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

function initPacket(): Buffer {
  const packet = Buffer.alloc(12 + 20);
  packet.writeUInt16BE(5555, 0);
  packet.writeUInt16BE(Number(port), 2);
  packet.writeUInt8(1, 12); // INIT
  packet.writeUInt16BE(20, 14);
  packet.writeUInt32BE(0x1234_5678, 16); // initiate tag
  packet.writeUInt32BE(65_536, 20); // receiver window
  packet.writeUInt16BE(1, 24); // streams out
  packet.writeUInt16BE(1, 26); // streams in
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

function socketAddress(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes[0] = AF_INET;
  bytes.set(addressToBytes(address), 4);
  return bytes;
}

const addon = loadAddon();
const fd = checked("open a raw socket", "socket", addon.socket(AF_INET, SOCK_RAW, IPPROTO_SCTP));
checked("bind", "bind", addon.bind(fd, socketAddress(source)));
checked("connect", "connect", addon.connect(fd, socketAddress(destination)));
checked("send", "send", addon.send(fd, initPacket()));
