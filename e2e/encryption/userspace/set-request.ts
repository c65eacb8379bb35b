import { addressFromBytes } from "../../../agent/net/address.ts";
import { type Attributes, readAttributes, readItems } from "../../../agent/netlink/message/attributes.ts";

/** Of linux/wireguard.h. */
const DEVICE = { privateKey: 3, port: 6, fwmark: 7, peers: 8 } as const;
const PEER = { publicKey: 1, presharedKey: 2, flags: 3, endpoint: 4, keepalive: 5, allowedIps: 9 } as const;
const FLAGS = { remove: 1, replaceAllowedIps: 2, updateOnly: 4 } as const;
const ALLOWED_IP = { address: 2, length: 3 } as const;

/** A WG_CMD_SET_DEVICE in the words of the configuration protocol. */
export function setRequest(device: Attributes): string {
  const lines = [
    ...optional(device.get(DEVICE.privateKey), (key) => `private_key=${key.toString("hex")}`),
    ...optional(device.get(DEVICE.port), (port) => `listen_port=${port.readUInt16LE(0)}`),
    ...optional(device.get(DEVICE.fwmark), (mark) => `fwmark=${mark.readUInt32LE(0)}`),
    ...readItems("peers", device.get(DEVICE.peers)).flatMap(peerLines),
  ];
  return ["set=1", ...lines, ""].join("\n");
}

function peerLines(bytes: Buffer): readonly string[] {
  const peer = readAttributes("peer", bytes);
  const flags = peer.get(PEER.flags)?.readUInt32LE(0) ?? 0;
  const flag = (bit: number, line: string): readonly string[] => ((flags & bit) === 0 ? [] : [line]);
  return [
    `public_key=${peer.get(PEER.publicKey)?.toString("hex")}`,
    ...flag(FLAGS.remove, "remove=true"),
    ...flag(FLAGS.updateOnly, "update_only=true"),
    ...optional(peer.get(PEER.presharedKey), (key) => `preshared_key=${key.toString("hex")}`),
    ...optional(peer.get(PEER.endpoint), (endpoint) => `endpoint=${endpointText(endpoint)}`),
    ...optional(
      peer.get(PEER.keepalive),
      (seconds) => `persistent_keepalive_interval=${seconds.readUInt16LE(0)}`,
    ),
    ...flag(FLAGS.replaceAllowedIps, "replace_allowed_ips=true"),
    ...readItems("allowed IPs", peer.get(PEER.allowedIps)).map((item) => `allowed_ip=${prefixText(item)}`),
  ];
}

function endpointText(bytes: Buffer): string {
  const port = bytes.readUInt16BE(2);
  return bytes.length === 16
    ? `${addressFromBytes(bytes.subarray(4, 8))}:${port}`
    : `[${addressFromBytes(bytes.subarray(8, 24))}]:${port}`;
}

function prefixText(bytes: Buffer): string {
  const item = readAttributes("allowed IP", bytes);
  const address = addressFromBytes(item.get(ALLOWED_IP.address) ?? Buffer.alloc(0));
  return `${address}/${item.get(ALLOWED_IP.length)?.[0]}`;
}

function optional(bytes: Buffer | undefined, line: (bytes: Buffer) => string): readonly string[] {
  return bytes === undefined ? [] : [line(bytes)];
}
