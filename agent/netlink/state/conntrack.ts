import type { Family } from "../../net/address.ts";
import {
  type Attributes,
  attribute,
  nested,
  readAttributes,
  readU8,
  u8Attribute,
  u16NetworkAttribute,
  u32Attribute,
} from "../message/attributes.ts";
import {
  CTA_FILTER,
  CTA_FILTER_ORIG_FLAGS,
  CTA_FILTER_REPLY_FLAGS,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  NFNL_SUBSYS_CTNETLINK,
  NLM_F_DUMP,
} from "../constants.ts";
import { addressFrom, familyFromAf, familyToAf } from "../family.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { NFGENMSG_BYTES, nfgenmsg } from "../nft/nfgenmsg.ts";

/** A connection that the kernel tracks. */
export interface Connection {
  readonly family: Family;
  /** Number of the transport protocol. */
  readonly protocol: number;
  /** As its first packet came. */
  readonly source: string;
  readonly destination: string;
  /** Undefined for a protocol without ports. */
  readonly destinationPort: number | undefined;
  /** Where answers come from: another address than `destination` when that was translated. */
  readonly replySource: string;
  /** Attributes by which the kernel knows it. */
  readonly key: { readonly tuple: Buffer; readonly id: Buffer };
}

/** Connections to a port. */
export interface ConnectionFilter {
  readonly family: Family;
  readonly protocol: number;
  readonly destinationPort: number;
}

const GET = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
const DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;

/** CTA_FILTER_F_* of net/netfilter/nf_conntrack_netlink.c, which no header has. */
const FILTER_PROTOCOL = 1 << 3;
const FILTER_DESTINATION_PORT = 1 << 5;

/**
 * Connections of one family. Linux before 5.8 does not know the filter and gives all: what comes must be looked at. The kernel walks through
 * its whole table in any case, which takes milliseconds.
 */
export function dumpConnections({ family, protocol, destinationPort }: ConnectionFilter): NetlinkRequest {
  const ports = nested(
    CTA_TUPLE_PROTO,
    u8Attribute(CTA_PROTO_NUM, protocol),
    u16NetworkAttribute(CTA_PROTO_DST_PORT, destinationPort),
  );
  const flags = nested(
    CTA_FILTER,
    u32Attribute(CTA_FILTER_ORIG_FLAGS, FILTER_PROTOCOL | FILTER_DESTINATION_PORT),
    u32Attribute(CTA_FILTER_REPLY_FLAGS, 0),
  );
  return {
    type: GET,
    flags: NLM_F_DUMP,
    payload: [nfgenmsg(familyToAf(family)), ...nested(CTA_TUPLE_ORIG, ports), ...flags],
    what: "list tracked connections",
  };
}

/** ENOENT if it has ended. */
export function deleteConnection({ family, key, destination }: Connection): NetlinkRequest {
  return {
    type: DELETE,
    flags: 0,
    payload: [
      nfgenmsg(familyToAf(family)),
      ...nested(CTA_TUPLE_ORIG, [key.tuple]),
      ...attribute(CTA_ID, key.id),
    ],
    what: `delete tracked connection to ${destination}`,
  };
}

/** Reads the payload of an IPCTNL_MSG_CT_NEW; throws {@link MalformedMessageError}. */
export function parseConnection(payload: Buffer): Connection {
  const family = familyFromAf("connection", payload[0] ?? 0);
  const attributes = readAttributes("connection", payload.subarray(NFGENMSG_BYTES));
  const [tuple, id] = [attributes.get(CTA_TUPLE_ORIG), attributes.get(CTA_ID)];
  if (tuple === undefined || id === undefined)
    throw new MalformedMessageError("Cannot read connection: no tuple, or no number");
  const original = readTuple(family, tuple);
  const reply = readTuple(family, attributes.get(CTA_TUPLE_REPLY));
  const port = original.protocol.get(CTA_PROTO_DST_PORT);
  return {
    family,
    protocol: readU8("connection", original.protocol, CTA_PROTO_NUM) ?? 0,
    source: original.source,
    destination: original.destination,
    destinationPort: port?.length === 2 ? port.readUInt16BE(0) : undefined,
    replySource: reply.source,
    key: { tuple, id },
  };
}

function readTuple(
  family: Family,
  bytes: Buffer | undefined,
): { readonly source: string; readonly destination: string; readonly protocol: Attributes } {
  const tuple = readAttributes("connection's tuple", bytes);
  const addresses = readAttributes("connection's addresses", tuple.get(CTA_TUPLE_IP));
  const [from, to] = family === 4 ? [CTA_IP_V4_SRC, CTA_IP_V4_DST] : [CTA_IP_V6_SRC, CTA_IP_V6_DST];
  const source = addressFrom("connection", family, addresses.get(from));
  const destination = addressFrom("connection", family, addresses.get(to));
  if (source === undefined || destination === undefined)
    throw new MalformedMessageError("Cannot read connection: no addresses");
  return {
    source,
    destination,
    protocol: readAttributes("connection's ports", tuple.get(CTA_TUPLE_PROTO)),
  };
}
