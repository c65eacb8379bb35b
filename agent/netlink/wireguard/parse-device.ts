import { type Cidr, cidrOf } from "../../net/cidr.ts";
import { getU64 } from "../package.ts";
import {
  WG_KEY_LEN,
  WGALLOWEDIP_A_CIDR_MASK,
  WGALLOWEDIP_A_FAMILY,
  WGALLOWEDIP_A_IPADDR,
  WGDEVICE_A_FWMARK,
  WGDEVICE_A_LISTEN_PORT,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PRIVATE_KEY,
  WGDEVICE_A_PUBLIC_KEY,
  WGPEER_A_ALLOWEDIPS,
  WGPEER_A_ENDPOINT,
  WGPEER_A_LAST_HANDSHAKE_TIME,
  WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
  WGPEER_A_PRESHARED_KEY,
  WGPEER_A_PUBLIC_KEY,
  WGPEER_A_RX_BYTES,
  WGPEER_A_TX_BYTES,
} from "../constants.ts";
import { addressFrom, familyFromAf } from "../family.ts";
import { GENERIC_HEADER_BYTES } from "../generic/generic-family.ts";
import {
  type Attributes,
  readAttributes,
  readItems,
  reading,
  readU16,
  readU32,
  readU64,
  readU8,
} from "../message/attributes.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import { type Endpoint, readEndpoint } from "./endpoint.ts";

/** Settings of a peer that the agent gives none. */
export type PeerExtra = "preshared key" | "keepalive";

/** A peer as the kernel describes it. */
export interface ObservedPeer {
  /** In base64, as all keys. */
  readonly publicKey: string;
  readonly endpoint: Endpoint | undefined;
  readonly allowedIps: readonly Cidr[];
  /** Seconds of Unix time; 0: there was none. */
  readonly lastHandshake: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Absent without any. */
  readonly extras?: readonly PeerExtra[];
}

/** A device as the kernel describes it. */
export interface ObservedDevice {
  /** Undefined without a private key. */
  readonly publicKey: string | undefined;
  readonly port: number;
  /** Mark of the packets that it sends; 0: none. */
  readonly fwmark: number;
  readonly peers: readonly ObservedPeer[];
}

/**
 * Reads the payloads of one dump of a device; undefined without any. Overwrites private and preshared keys in
 * them: nobody here needs them. Throws {@link MalformedMessageError}.
 */
export function parseDevice(payloads: readonly Buffer[]): ObservedDevice | undefined {
  const parts = payloads.map((payload) =>
    readAttributes("WireGuard device", payload.subarray(GENERIC_HEADER_BYTES)),
  );
  for (const part of parts) part.get(WGDEVICE_A_PRIVATE_KEY)?.fill(0);
  const [first] = parts;
  if (first === undefined) return undefined;
  return {
    publicKey: readKey(first, WGDEVICE_A_PUBLIC_KEY),
    port: readU16("WireGuard device", first, WGDEVICE_A_LISTEN_PORT) ?? 0,
    fwmark: readU32("WireGuard device", first, WGDEVICE_A_FWMARK) ?? 0,
    peers: joinPeers(
      parts.flatMap((part) => readItems("WireGuard peers", part.get(WGDEVICE_A_PEERS)).map(parsePeer)),
    ),
  };
}

/**
 * Takes the private key out of the payloads of one dump, and overwrites it there; undefined without one. The
 * caller overwrites what it gets. Throws {@link MalformedMessageError}.
 */
export function takePrivateKey(payloads: readonly Buffer[]): Buffer | undefined {
  const [first] = payloads;
  if (first === undefined) return undefined;
  const attributes = readAttributes("WireGuard device", first.subarray(GENERIC_HEADER_BYTES));
  const found = attributes.get(WGDEVICE_A_PRIVATE_KEY);
  const key = found && Buffer.from(found);
  found?.fill(0);
  return key;
}

/** A peer that does not fit into a message goes on in the next, where only its prefixes are told. */
function joinPeers(parts: readonly ObservedPeer[]): readonly ObservedPeer[] {
  const peers: ObservedPeer[] = [];
  for (const part of parts) {
    const last = peers.at(-1);
    if (last?.publicKey !== part.publicKey) peers.push(part);
    else peers[peers.length - 1] = { ...last, allowedIps: [...last.allowedIps, ...part.allowedIps] };
  }
  return peers;
}

function parsePeer(bytes: Buffer): ObservedPeer {
  const what = "WireGuard peer";
  const attributes = readAttributes(what, bytes);
  const publicKey = readKey(attributes, WGPEER_A_PUBLIC_KEY);
  if (publicKey === undefined) throw new MalformedMessageError(`Cannot read ${what}: no public key`);
  const endpoint = attributes.get(WGPEER_A_ENDPOINT);
  const handshake = attributes.get(WGPEER_A_LAST_HANDSHAKE_TIME);
  const extras = readExtras(what, attributes);
  return {
    publicKey,
    endpoint: endpoint && readEndpoint(endpoint),
    allowedIps: readItems("allowed IPs", attributes.get(WGPEER_A_ALLOWEDIPS)).map(parseAllowedIp),
    // struct __kernel_timespec begins with its seconds.
    lastHandshake:
      handshake === undefined ? 0 : reading(what, () => Number(getU64(handshake.subarray(0, 8)))),
    receivedBytes: Number(readU64(what, attributes, WGPEER_A_RX_BYTES) ?? 0),
    sentBytes: Number(readU64(what, attributes, WGPEER_A_TX_BYTES) ?? 0),
    ...(extras.length > 0 && { extras }),
  };
}

function readExtras(what: string, attributes: Attributes): readonly PeerExtra[] {
  const presharedKey = attributes.get(WGPEER_A_PRESHARED_KEY);
  const hasKey = presharedKey?.some((byte) => byte !== 0) === true;
  presharedKey?.fill(0);
  const keepalive = readU16(what, attributes, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL) ?? 0;
  return [
    ...(hasKey ? (["preshared key"] as const) : []),
    ...(keepalive > 0 ? (["keepalive"] as const) : []),
  ];
}

function parseAllowedIp(bytes: Buffer): Cidr {
  const what = "allowed IP";
  const attributes = readAttributes(what, bytes);
  const family = familyFromAf(what, readU16(what, attributes, WGALLOWEDIP_A_FAMILY));
  const base = addressFrom(what, family, attributes.get(WGALLOWEDIP_A_IPADDR));
  const prefixLength = readU8(what, attributes, WGALLOWEDIP_A_CIDR_MASK);
  if (base === undefined || prefixLength === undefined || prefixLength > (family === 4 ? 32 : 128))
    throw new MalformedMessageError(`Cannot read ${what}: no prefix`);
  return cidrOf(base, prefixLength);
}

function readKey(attributes: Attributes, type: number): string | undefined {
  const bytes = attributes.get(type);
  if (bytes === undefined) return undefined;
  if (bytes.length === WG_KEY_LEN) return bytes.toString("base64");
  throw new MalformedMessageError(`Cannot read WireGuard key: ${bytes.length} bytes`);
}
