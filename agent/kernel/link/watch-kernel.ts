import { readS32, readU16, readU32 } from "../../netlink/package.ts";
import {
  AF_INET,
  NLM_F_REPLACE,
  RT_TABLE_MAIN,
  RTA_DST,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELQDISC,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_DELTFILTER,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWNETCONF,
  RTM_NEWQDISC,
  RTM_NEWROUTE,
  RTM_NEWRULE,
  RTN_UNICAST,
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV4_ROUTE,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_IPV6_ROUTE,
  RTMGRP_LINK,
  RTMGRP_NEIGH,
  RTMGRP_TC,
  RTNLGRP_IPV4_NETCONF,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_NETCONF,
  RTNLGRP_IPV6_RULE,
  RTPROT_RA,
} from "../../netlink/constants.ts";
import type { Family } from "../../net/address.ts";
import { readLinkAlias } from "../../netlink/link/parse-link.ts";
import type { Concern } from "../types.ts";
import { isOwnPort, type Native } from "../socket/native.ts";
import { POD_ROUTE_PROTOCOL, ROUTE_PROTOCOL } from "./ownership.ts";

/** NETLINK_ROUTE of linux/netlink.h. */
const NETLINK_ROUTE = 0;

const GROUPS =
  RTMGRP_LINK |
  RTMGRP_NEIGH |
  RTMGRP_TC |
  RTMGRP_IPV4_IFADDR |
  RTMGRP_IPV6_IFADDR |
  RTMGRP_IPV4_ROUTE |
  RTMGRP_IPV6_ROUTE |
  (1 << (RTNLGRP_IPV4_RULE - 1)) |
  (1 << (RTNLGRP_IPV6_RULE - 1)) |
  (1 << (RTNLGRP_IPV4_NETCONF - 1)) |
  (1 << (RTNLGRP_IPV6_NETCONF - 1));

const CONCERNS: readonly Concern[] = ["node", "peers", "pods"];

/** What a link is to us. */
export type LinkRole = "pod" | "bridge" | "tunnel" | "uplink" | "foreign";

export interface WatchKernelInput {
  readonly roleOf: (linkIndex: number) => LinkRole;
  /** The alias that we last gave the bridge: the kernel does not say who did that. */
  readonly bridgeAlias: () => string | undefined;
  /**
   * Whether a change of the route to this prefix may change the way to other nodes; bytes of its address,
   * none for the default route.
   */
  readonly leadsToNodes: PrefixQuestion;
  /** Whether the prefix may be one that we have a route to. */
  readonly isRouted: PrefixQuestion;
  readonly onChange: (concern: Concern) => void;
}

export type PrefixQuestion = (family: Family, base: Uint8Array, prefixLength: number) => boolean;

/** Tells of each concern once; again after `rearm`. */
export interface KernelWatch {
  /** To be called before the look at everything that follows a change. */
  rearm(): void;
  stop(): void;
}

/** struct nlmsghdr of linux/netlink.h: length, type, flags, sequence number, port. */
const HEADER_BYTES = 16;

/**
 * ifi_index, ifa_index, ndm_ifindex and tcm_ifindex stand at the same place in their structs
 * (linux/rtnetlink.h, if_addr.h, neighbour.h).
 */
const INDEX_OFFSET = HEADER_BYTES + 4;

/**
 * Listens to the kernel's notifications. Of a message only its head is read, and after one concern is told no
 * other message about it, until `rearm`: pods that come and go make ten messages each, which would tell
 * nothing new.
 */
export function watchKernel(
  native: Pick<Native, "openNetlink" | "watch" | "close">,
  input: WatchKernelInput,
): KernelWatch {
  const told = new Set<Concern>();
  let seenAlias: string | undefined;
  /** Whether the bridge tells of itself for the first time since we gave it another alias. */
  const isOwnAlias = (payload: Buffer): boolean => {
    const alias = input.bridgeAlias();
    if (alias === seenAlias || readLinkAlias(payload) !== alias) return false;
    seenAlias = alias;
    return true;
  };
  const asked = { ...input, isOwnAlias };
  const tell = (concern: Concern | undefined): void => {
    if (concern === undefined || told.has(concern)) return;
    told.add(concern);
    input.onChange(concern);
  };
  const fd = native.openNetlink(NETLINK_ROUTE, GROUPS);
  const watch = native.watch(
    fd,
    (bytes) => {
      for (let offset = 0; offset + INDEX_OFFSET + 4 <= bytes.length && told.size < CONCERNS.length; ) {
        const length = readU32.call(bytes, offset);
        if (length < HEADER_BYTES) return;
        tell(concernOf(bytes, offset, asked));
        offset += (length + 3) & ~3;
      }
    },
    // An error means that messages were lost: they may have said anything.
    () => {
      for (const concern of CONCERNS) tell(concern);
    },
  );
  return {
    rearm() {
      told.clear();
      seenAlias = input.bridgeAlias();
    },
    stop() {
      watch.stop();
      native.close(fd);
    },
  };
}

/**
 * What the message at `start` is about; undefined for what is not ours, and for what we did ourselves. Not
 * parsed as other messages are: on a busy node there are thousands, of which hardly one matters.
 */
function concernOf(bytes: Buffer, start: number, input: Asked): Concern | undefined {
  if (isOwnPort(readU32.call(bytes, start + 12))) return undefined;
  const type = readU16.call(bytes, start + 4);
  const role = input.roleOf(readS32.call(bytes, start + INDEX_OFFSET));
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      if (role === "pod") return "pods";
      // The bridge tells of itself when a port comes, too.
      if (role === "bridge" && type === RTM_NEWLINK && isUp(bytes, start))
        return input.isOwnAlias(messageAt(bytes, start)) ? undefined : "pods";
      return role === "foreign" ? undefined : "node";
    case RTM_NEWADDR:
    case RTM_DELADDR:
      // Also of a link that was none of ours: it may become an uplink by its address.
      return role === "pod" ? undefined : "node";
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      if (role === "tunnel") return "peers";
      return role === "bridge" || role === "pod" ? "pods" : undefined;
    case RTM_NEWQDISC:
    case RTM_DELQDISC:
    case RTM_DELTFILTER:
      return role === "pod" ? "pods" : undefined;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return concernOfRoute(bytes, start, input);
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return "node";
    case RTM_NEWNETCONF:
      return concernOfSettings(bytes, start, input.roleOf);
    default:
      return undefined;
  }
}

interface Asked extends WatchKernelInput {
  readonly isOwnAlias: (payload: Buffer) => boolean;
}

/** Payload of the message that begins there. */
function messageAt(bytes: Buffer, start: number): Buffer {
  return bytes.subarray(start + HEADER_BYTES, start + readU32.call(bytes, start));
}

/** ifi_flags of struct ifinfomsg, and IFF_UP of net/if.h. */
function isUp(bytes: Buffer, start: number): boolean {
  return ((bytes[start + INDEX_OFFSET + 4] ?? 0) & 1) !== 0;
}

/**
 * struct rtmsg: family, destination length, table, protocol and type are its first, second, fifth, sixth and
 * eighth byte.
 */
const RTMSG_BYTES = 12;

/**
 * Of a foreign route only what concerns other nodes: a router's table may change a thousand times in a
 * second.
 */
function concernOfRoute(bytes: Buffer, start: number, input: WatchKernelInput): Concern | undefined {
  const header = start + HEADER_BYTES;
  if (bytes[header + 5] === POD_ROUTE_PROTOCOL) return bytes[header + 7] === RTN_UNICAST ? "pods" : "node";
  if (bytes[header + 5] === RTPROT_RA) return "node";
  const isMain = bytes[header + 4] === RT_TABLE_MAIN;
  if (isMain && bytes[header + 5] === ROUTE_PROTOCOL) return "peers";
  const length = bytes[header + 1] ?? 0;
  if (isMain && length === 0) return "node";
  const family = bytes[header] === AF_INET ? 4 : 6;
  const base = findAttribute(bytes, start, RTA_DST);
  if (input.leadsToNodes(family, base, length)) return "node";
  // A route that takes the place of ours is told, ours that has gone with it is not (fib_table_insert of
  // net/ipv4/fib_trie.c).
  const isReplacing = (readU16.call(bytes, start + 6) & NLM_F_REPLACE) !== 0;
  return isMain && isReplacing && input.isRouted(family, base, length) ? "peers" : undefined;
}

const NOTHING = new Uint8Array(0);

/** Content of an attribute of a route; empty if it is not there. */
function findAttribute(bytes: Buffer, start: number, type: number): Uint8Array {
  const end = Math.min(bytes.length, start + readU32.call(bytes, start));
  for (let offset = start + HEADER_BYTES + RTMSG_BYTES; offset + 4 <= end; ) {
    const length = readU16.call(bytes, offset);
    if (length < 4) return NOTHING;
    if (readU16.call(bytes, offset + 2) === type) return bytes.subarray(offset + 4, offset + length);
    offset += (length + 3) & ~3;
  }
  return NOTHING;
}

/**
 * linux/netconf.h: struct netconfmsg is one byte, padded to four; the first attribute is the index, and -1
 * means all links.
 */
const NETCONFA_IFINDEX_ALL = -1;

function concernOfSettings(
  bytes: Buffer,
  start: number,
  roleOf: (linkIndex: number) => LinkRole,
): Concern | undefined {
  const offset = start + HEADER_BYTES + 4 + 4;
  if (bytes.length < offset + 4) return undefined;
  const index = readS32.call(bytes, offset);
  if (index === NETCONFA_IFINDEX_ALL) return "node";
  const role = roleOf(index);
  return role === "pod" || role === "foreign" ? undefined : "node";
}
