import { createPrivateKey, createPublicKey } from "node:crypto";
import { addressToBytes } from "../../../agent/net/address.ts";
import {
  type Attribute,
  attribute,
  nested,
  textAttribute,
  u16Attribute,
  u32Attribute,
  u64Attribute,
  u8Attribute,
} from "../../../agent/netlink/message/attributes.ts";

/** Of linux/wireguard.h and linux/socket.h. */
const DEVICE = { name: 2, privateKey: 3, publicKey: 4, port: 6, fwmark: 7, peers: 8 } as const;
const PEER = {
  publicKey: 1,
  presharedKey: 2,
  endpoint: 4,
  keepalive: 5,
  handshake: 6,
  received: 7,
  sent: 8,
  allowedIps: 9,
} as const;
const ALLOWED_IP = { family: 1, address: 2, length: 3 } as const;
const AF_INET = 2;
const AF_INET6 = 10;
const HEADER = Buffer.from([0, 1, 0, 0]);

/** So many peers come in one message: a few, so that dumps have parts as the kernel's have. */
const PEERS_PER_MESSAGE = 3;

type Lines = readonly (readonly [name: string, value: string])[];

/** What a device says in the configuration protocol, as the payloads of a dump of WG_CMD_GET_DEVICE. */
export function dumpPayloads(name: string, text: string): readonly Buffer[] {
  const lines: Lines = text
    .split("\n")
    .filter((line) => line.includes("="))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  const starts = lines.flatMap(([key], index) => (key === "public_key" ? [index] : []));
  const peers = starts.map((start, index) => peerAttribute(lines.slice(start, starts[index + 1])));
  const parts: Attribute[][] = [peers.slice(0, PEERS_PER_MESSAGE)];
  for (let start = PEERS_PER_MESSAGE; start < peers.length; start += PEERS_PER_MESSAGE)
    parts.push(peers.slice(start, start + PEERS_PER_MESSAGE));
  return parts.map((part, index) =>
    Buffer.concat([
      HEADER,
      ...textAttribute(DEVICE.name, name),
      ...(index === 0 ? deviceAttributes(lines) : []),
      ...(part.length === 0 ? [] : nested(DEVICE.peers, ...part)),
    ]),
  );
}

function valueOf(lines: Lines, name: string): string | undefined {
  return lines.find(([key]) => key === name)?.[1];
}

/** PKCS #8 of an X25519 key: what comes before its 32 bytes (RFC 8410, section 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");

function deviceAttributes(lines: Lines): Attribute {
  const plain = [
    ...u16Attribute(DEVICE.port, Number(valueOf(lines, "listen_port") ?? 0)),
    ...u32Attribute(DEVICE.fwmark, Number(valueOf(lines, "fwmark") ?? 0)),
  ];
  const hex = valueOf(lines, "private_key");
  if (hex === undefined) return plain;
  const der = Buffer.concat([PKCS8_HEAD, Buffer.from(hex, "hex")]);
  const key = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
  const { x = "" } = key.export({ format: "jwk" });
  return [
    ...attribute(DEVICE.privateKey, Buffer.from(hex, "hex")),
    ...attribute(DEVICE.publicKey, Buffer.from(x, "base64url")),
    ...plain,
  ];
}

function peerAttribute(lines: Lines): Attribute {
  const number = (name: string): number => Number(valueOf(lines, name) ?? 0);
  const bytesOf = (name: string): Buffer => Buffer.from(valueOf(lines, name) ?? "", "hex");
  const endpoint = valueOf(lines, "endpoint");
  const allowedIps = lines
    .filter(([key]) => key === "allowed_ip")
    .map(([, prefix]) => prefixAttribute(prefix));
  const handshake = ["last_handshake_time_sec", "last_handshake_time_nsec"].flatMap((name) =>
    u64Attribute(0, number(name)).map((bytes) => bytes.subarray(4)),
  );
  return nested(
    0,
    attribute(PEER.publicKey, bytesOf("public_key")),
    attribute(PEER.presharedKey, bytesOf("preshared_key")),
    u16Attribute(PEER.keepalive, number("persistent_keepalive_interval")),
    endpoint === undefined ? [] : attribute(PEER.endpoint, endpointBytes(endpoint)),
    attribute(PEER.handshake, Buffer.concat(handshake)),
    u64Attribute(PEER.received, number("rx_bytes")),
    u64Attribute(PEER.sent, number("tx_bytes")),
    allowedIps.length === 0 ? [] : nested(PEER.allowedIps, ...allowedIps),
  );
}

function endpointBytes(text: string): Buffer {
  const colon = text.lastIndexOf(":");
  const address = addressToBytes(text.slice(0, colon).replace(/^\[|\]$/g, ""));
  const bytes = Buffer.alloc(address.length === 4 ? 16 : 28);
  bytes.writeUInt16LE(address.length === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(Number(text.slice(colon + 1)), 2);
  bytes.set(address, address.length === 4 ? 4 : 8);
  return bytes;
}

function prefixAttribute(text: string): Attribute {
  const [base = "", length = ""] = text.split("/");
  return nested(
    0,
    u16Attribute(ALLOWED_IP.family, base.includes(":") ? AF_INET6 : AF_INET),
    attribute(ALLOWED_IP.address, addressToBytes(base)),
    u8Attribute(ALLOWED_IP.length, Number(length)),
  );
}
