import type { Family } from "../../net/address.ts";
import {
  attribute,
  nested,
  u8Attribute,
  u16NetworkAttribute,
  u32Attribute,
  u32NetworkAttribute,
} from "../message/attributes.ts";
import {
  CTA_FILTER,
  CTA_FILTER_ORIG_FLAGS,
  CTA_FILTER_REPLY_FLAGS,
  CTA_ID,
  CTA_MARK,
  CTA_MARK_MASK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_ZONE,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_STATS,
  IPCTNL_MSG_CT_NEW,
  NFNL_SUBSYS_CTNETLINK,
  NLM_F_DUMP,
} from "../constants.ts";
import { familyToAf } from "../family.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { nfgenmsg } from "../nft/nfgenmsg.ts";
import type { Connection } from "./connection.ts";

/** Connections to a port. */
export interface ConnectionFilter {
  readonly family: Family;
  readonly protocol: number;
  readonly destinationPort: number;
}

const GET = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
const NEW = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;
const DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
const STATS = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET_STATS;

/** CTA_FILTER_F_* of net/netfilter/nf_conntrack_netlink.c, which no header has. */
const FILTER_PROTOCOL = 1 << 3;
const FILTER_DESTINATION_PORT = 1 << 5;

/**
 * Connections of one family. Linux before 5.8 does not know the filter and gives all: what comes must be
 * looked at. The kernel walks through its whole table in any case, which takes milliseconds.
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

function whichConnection({ tuple, zone }: Connection["key"]): readonly Uint8Array[] {
  return [...nested(CTA_TUPLE_ORIG, [tuple]), ...(zone === undefined ? [] : attribute(CTA_ZONE, zone))];
}

/** ENOENT if it has ended. */
export function deleteConnection({ family, key, destination }: Connection): NetlinkRequest {
  return {
    type: DELETE,
    flags: 0,
    payload: [nfgenmsg(familyToAf(family)), ...whichConnection(key), ...attribute(CTA_ID, key.id)],
    what: `delete tracked connection to ${destination}`,
  };
}

/** The least that can be asked; EINVAL where the kernel cannot tell of connections at all. */
export function countConnections(): NetlinkRequest {
  return {
    type: STATS,
    flags: 0,
    payload: [nfgenmsg(familyToAf(undefined))],
    what: "count tracked connections",
  };
}

/** Every connection of both families. */
export function dumpAllConnections(): NetlinkRequest {
  return {
    type: GET,
    flags: NLM_F_DUMP,
    payload: [nfgenmsg(familyToAf(undefined))],
    what: "list all tracked connections",
  };
}

/**
 * Bits of a connection's mark that are in `mask` become those of `value`; the others belong to other
 * programs. ENOENT if it has ended.
 */
export function markConnection(
  { family, key, source, replySource }: Connection,
  { value, mask }: { readonly value: number; readonly mask: number },
): NetlinkRequest {
  return {
    type: NEW,
    flags: 0,
    payload: [
      nfgenmsg(familyToAf(family)),
      ...whichConnection(key),
      ...u32NetworkAttribute(CTA_MARK, value),
      ...u32NetworkAttribute(CTA_MARK_MASK, mask),
    ],
    what: `mark the tracked connection from ${source} to ${replySource}`,
  };
}
