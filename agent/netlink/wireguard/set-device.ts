import type { Cidr } from "../../net/cidr.ts";
import { addressToBytes } from "../../net/address.ts";
import {
  WG_CMD_GET_DEVICE,
  WG_CMD_SET_DEVICE,
  WGALLOWEDIP_A_CIDR_MASK,
  WGALLOWEDIP_A_FAMILY,
  WGALLOWEDIP_A_IPADDR,
  WG_KEY_LEN,
  WGDEVICE_A_FWMARK,
  WGDEVICE_A_IFNAME,
  WGDEVICE_A_LISTEN_PORT,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PRIVATE_KEY,
  NLM_F_DUMP,
  WGPEER_A_ALLOWEDIPS,
  WGPEER_A_ENDPOINT,
  WGPEER_A_FLAGS,
  WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
  WGPEER_A_PRESHARED_KEY,
  WGPEER_A_PUBLIC_KEY,
  WGPEER_F_REMOVE_ME,
  WGPEER_F_REPLACE_ALLOWEDIPS,
  WGPEER_F_UPDATE_ONLY,
} from "../constants.ts";
import { familyToAf } from "../family.ts";
import { genericHeader } from "../generic/generic-family.ts";
import {
  type Attribute,
  attribute,
  nested,
  optional,
  textAttribute,
  u16Attribute,
  u32Attribute,
  u8Attribute,
} from "../message/attributes.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { type Endpoint, writeEndpoint } from "./endpoint.ts";
import { keyBytes } from "./wireguard-key.ts";

/** Name of the generic netlink family: WG_GENL_NAME of linux/wireguard.h. */
export const WIREGUARD_FAMILY = "wireguard";

/** A device by its name, and the number that the kernel has given to {@link WIREGUARD_FAMILY}. */
export interface WireGuardTarget {
  readonly family: number;
  readonly name: string;
}

/** What is to change of a device; undefined leaves it as it is. */
export interface WireGuardDeviceChange {
  /** 32 bytes; the kernel clears and sets the bits that X25519 wants so. */
  readonly privateKey?: Uint8Array | undefined;
  readonly port?: number | undefined;
  /** Mark of the packets that it sends; 0: none. */
  readonly fwmark?: number | undefined;
}

/** What is to change of a peer, which is made if it is not there. */
export interface WireGuardPeerChange {
  /** In base64. */
  readonly publicKey: string;
  readonly remove?: boolean;
  readonly endpoint?: Endpoint | undefined;
  /** Whether those that it has are taken away first. */
  readonly replaceAllowedIps?: boolean;
  /** Added; another peer that has one of them loses it. */
  readonly allowedIps?: readonly Cidr[];
  /** Whether a handshake is started at once. */
  readonly calls?: boolean;
  /** Whether its preshared key is taken away, and what keeps its session alive. */
  readonly clearsExtras?: boolean;
}

/** EADDRINUSE if the device is up and another socket has the port, ENODEV without the device. */
export function setDevice(
  { family, name }: WireGuardTarget,
  { privateKey, port, fwmark }: WireGuardDeviceChange,
): NetlinkRequest {
  return {
    type: family,
    flags: 0,
    payload: [
      genericHeader(WG_CMD_SET_DEVICE),
      ...textAttribute(WGDEVICE_A_IFNAME, name),
      ...optional(privateKey, (key) => attribute(WGDEVICE_A_PRIVATE_KEY, key)),
      ...optional(port, (number) => u16Attribute(WGDEVICE_A_LISTEN_PORT, number)),
      ...optional(fwmark, (mark) => u32Attribute(WGDEVICE_A_FWMARK, mark)),
    ],
    what: `configure WireGuard device "${name}"`,
    isSecret: privateKey !== undefined,
  };
}

/**
 * Bound of what one message says of peers: the length of an attribute has 16 bits, the list of peers is one,
 * and so is the list of prefixes in it.
 */
const MAX_PEERS_BYTES = 32 * 1024;
const MAX_ALLOWED_IPS = 500;

/** One message, or several to be sent in this order. A refused peer keeps those behind it in its message back. */
export function setPeers(
  { family, name }: WireGuardTarget,
  changes: readonly WireGuardPeerChange[],
): readonly NetlinkRequest[] {
  const lists: Uint8Array[][] = [];
  let room = 0;
  for (const piece of changes.flatMap(peerPieces)) {
    const size = piece.reduce((sum, { length }) => sum + length, 0);
    if (size > room) {
      lists.push([]);
      room = MAX_PEERS_BYTES;
    }
    lists.at(-1)?.push(...piece);
    room -= size;
  }
  return lists.map((list) => ({
    type: family,
    flags: 0,
    payload: [
      genericHeader(WG_CMD_SET_DEVICE),
      ...textAttribute(WGDEVICE_A_IFNAME, name),
      ...nested(WGDEVICE_A_PEERS, list),
    ],
    what: `change peers of WireGuard device "${name}"`,
  }));
}

const NO_PRESHARED_KEY = attribute(WGPEER_A_PRESHARED_KEY, new Uint8Array(WG_KEY_LEN));

/**
 * A peer with more prefixes than fit goes in pieces, of which only the first says anything else. One that is
 * called is told to keep its session alive, which begins with a packet at once, and then not to.
 */
function peerPieces(change: WireGuardPeerChange): readonly Attribute[] {
  const {
    publicKey,
    remove = false,
    endpoint,
    replaceAllowedIps = false,
    allowedIps = [],
    calls = false,
    clearsExtras = false,
  } = change;
  const flags = (remove ? WGPEER_F_REMOVE_ME : 0) | (replaceAllowedIps ? WGPEER_F_REPLACE_ALLOWEDIPS : 0);
  const key = attribute(WGPEER_A_PUBLIC_KEY, keyBytes(publicKey));
  const pieces = [
    nested(
      0,
      key,
      flags === 0 ? [] : u32Attribute(WGPEER_A_FLAGS, flags),
      optional(endpoint, (value) => attribute(WGPEER_A_ENDPOINT, writeEndpoint(value))),
      clearsExtras ? NO_PRESHARED_KEY : [],
      calls || clearsExtras ? keepalive(calls ? 1 : 0) : [],
      allowedIpsAttribute(allowedIps.slice(0, MAX_ALLOWED_IPS)),
    ),
  ];
  for (let start = MAX_ALLOWED_IPS; start < allowedIps.length; start += MAX_ALLOWED_IPS) {
    const more = allowedIpsAttribute(allowedIps.slice(start, start + MAX_ALLOWED_IPS));
    pieces.push(nested(0, key, u32Attribute(WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY), more));
  }
  const update = u32Attribute(WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY);
  return calls ? [...pieces, nested(0, key, update, keepalive(0))] : pieces;
}

function keepalive(seconds: number): Attribute {
  return u16Attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, seconds);
}

function allowedIpsAttribute(allowedIps: readonly Cidr[]): Attribute {
  if (allowedIps.length === 0) return [];
  const items = allowedIps.map(({ family, base, prefixLength }) =>
    nested(
      0,
      u16Attribute(WGALLOWEDIP_A_FAMILY, familyToAf(family)),
      attribute(WGALLOWEDIP_A_IPADDR, addressToBytes(base)),
      u8Attribute(WGALLOWEDIP_A_CIDR_MASK, prefixLength),
    ),
  );
  return nested(WGPEER_A_ALLOWEDIPS, ...items);
}

/**
 * A device with its peers; ENODEV without it, EOPNOTSUPP if it is of another kind. The kernel tells whoever
 * may configure the device its private key, too.
 */
export function dumpDevice({ family, name }: WireGuardTarget): NetlinkRequest {
  return {
    type: family,
    flags: NLM_F_DUMP,
    payload: [genericHeader(WG_CMD_GET_DEVICE), ...textAttribute(WGDEVICE_A_IFNAME, name)],
    what: `read WireGuard device "${name}"`,
    emptyOn: "ENODEV",
  };
}
