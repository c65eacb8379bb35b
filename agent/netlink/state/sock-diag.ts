import { addressFromBytes, type Family } from "../../net/address.ts";
import { writeU32 } from "../message/host-order.ts";
import { AF_INET, AF_INET6, NLM_F_DUMP } from "../constants.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** NETLINK_SOCK_DIAG of linux/netlink.h. */
export const NETLINK_SOCK_DIAG = 4;

/** SOCK_DIAG_BY_FAMILY of linux/sock_diag.h. */
const SOCK_DIAG_BY_FAMILY = 20;

/**
 * TCP_LISTEN and TCP_CLOSE of net/tcp_states.h, as bits: a UDP socket that is not connected is closed. SCTP
 * has a state of that number for listeners too.
 */
const LISTENING = 1 << 10;
const UNCONNECTED = 1 << 7;
const UDP = 17;

/**
 * struct inet_diag_req_v2 and struct inet_diag_msg of linux/inet_diag.h; the identity of a socket begins with
 * its ports, in network order.
 */
const REQUEST_BYTES = 56;
const STATES_OFFSET = 4;
const PORT_OFFSET = 4;
const ADDRESS_OFFSET = 8;
const MESSAGE_BYTES = 72;

/** A socket that takes what comes to an address and port of the node. */
export interface ListeningSocket {
  /** Canonical; "0.0.0.0" or "::" for all. */
  readonly address: string;
  readonly port: number;
}

/**
 * Sockets of this network namespace that take what others send, of one family and protocol (IPPROTO_*). Needs
 * no capability.
 */
export function dumpListeningSockets(family: Family, protocol: number): NetlinkRequest {
  const request = Buffer.alloc(REQUEST_BYTES);
  request[0] = family === 4 ? AF_INET : AF_INET6;
  request[1] = protocol;
  writeU32(request, STATES_OFFSET, protocol === UDP ? UNCONNECTED : LISTENING);
  return {
    type: SOCK_DIAG_BY_FAMILY,
    flags: NLM_F_DUMP,
    payload: [request],
    what: `list listening sockets of protocol ${protocol}`,
    // The kernel knows no such protocol, so that nothing listens, or lacks the module that tells (tcp_diag,
    // udp_diag), which doctor warns of.
    emptyOn: "ENOENT",
  };
}

/**
 * Lists sockets of a protocol (IPPROTO_*) in none of their states, which are none: ENOENT without the module
 * that tells of them (inet_diag_lock_handler of net/ipv4/inet_diag.c), which the kernel else loads.
 */
export function dumpNoSockets(protocol: number): NetlinkRequest {
  const request = Buffer.alloc(REQUEST_BYTES);
  request[0] = AF_INET;
  request[1] = protocol;
  return {
    type: SOCK_DIAG_BY_FAMILY,
    flags: NLM_F_DUMP,
    payload: [request],
    what: `list no sockets of protocol ${protocol}`,
  };
}

/** Reads a struct inet_diag_msg; throws {@link MalformedMessageError}. */
export function parseListeningSocket(payload: Buffer): ListeningSocket {
  if (payload.length < MESSAGE_BYTES) throw new MalformedMessageError("Cannot read socket: truncated");
  const length = payload[0] === AF_INET ? 4 : 16;
  return {
    address: addressFromBytes(payload.subarray(ADDRESS_OFFSET, ADDRESS_OFFSET + length)),
    port: payload.readUInt16BE(PORT_OFFSET),
  };
}
