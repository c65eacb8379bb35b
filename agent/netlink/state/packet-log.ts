import { attribute, readAttributes, readText, u32NetworkAttribute } from "../message/attributes.ts";
import {
  AF_UNSPEC,
  NFNL_SUBSYS_ULOG,
  NFULA_CFG_CMD,
  NFULA_CFG_MODE,
  NFULA_CFG_TIMEOUT,
  NFULA_PAYLOAD,
  NFULA_PREFIX,
  NFULNL_CFG_CMD_BIND,
  NFULNL_COPY_PACKET,
  NFULNL_MSG_CONFIG,
  NFULNL_MSG_PACKET,
} from "../constants.ts";
import type { NetlinkMessage, NetlinkRequest } from "../message/message.ts";
import { NFGENMSG_BYTES, nfgenmsg } from "../nft/nfgenmsg.ts";

export interface LogGroupOptions {
  /** Of the beginning of each packet. */
  readonly copyBytes: number;
  /** How long the kernel may collect packets before it sends them, in steps of 10 ms. */
  readonly delayMs: number;
}

/**
 * From now on packets that rules log to a group come to the socket that sends this (NFLOG), until it is
 * closed. EBUSY: another socket has the group.
 */
export function bindLogGroup(group: number, { copyBytes, delayMs }: LogGroupOptions): NetlinkRequest {
  // struct nfulnl_msg_config_mode: copy_range in network order, copy_mode, padding.
  const mode = Uint8Array.of(0, 0, copyBytes >>> 8, copyBytes, NFULNL_COPY_PACKET, 0);
  return {
    type: (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG,
    flags: 0,
    payload: [
      nfgenmsg(AF_UNSPEC, group),
      ...attribute(NFULA_CFG_CMD, Uint8Array.of(NFULNL_CFG_CMD_BIND)),
      ...attribute(NFULA_CFG_MODE, mode),
      ...u32NetworkAttribute(NFULA_CFG_TIMEOUT, Math.round(delayMs / 10)),
    ],
    what: `receive packets that are logged to group ${group}`,
  };
}

/** A packet that a rule logged. */
export interface LoggedPacket {
  /** The rule's text. */
  readonly prefix: string;
  /** From the IP header on, cut. */
  readonly packet: Buffer;
}

/** Undefined: the message is another one. Throws {@link MalformedMessageError}. */
export function readLoggedPacket({ type, payload }: NetlinkMessage): LoggedPacket | undefined {
  if (type !== ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET)) return undefined;
  const attributes = readAttributes("logged packet", payload.subarray(NFGENMSG_BYTES));
  const packet = attributes.get(NFULA_PAYLOAD);
  if (packet === undefined) return undefined;
  return { prefix: readText("logged packet", attributes, NFULA_PREFIX) ?? "", packet };
}
