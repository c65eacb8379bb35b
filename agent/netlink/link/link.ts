import { macToBytes } from "../../net/mac.ts";
import { listSome } from "../../text/list-some.ts";
import {
  type Attribute,
  attribute,
  nested,
  optional,
  textAttribute,
  u8Attribute,
  u32Attribute,
} from "../message/attributes.ts";
import { bridgeAttribute, type BridgePort, bridgePortAttribute, type BridgeSettings } from "./bridge.ts";
import {
  AF_INET6,
  IFLA_ADDRESS,
  IFLA_AF_SPEC,
  IFLA_ALT_IFNAME,
  IFLA_EXT_MASK,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_PROP_LIST,
  NLM_F_DUMP,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_NEWLINKPROP,
} from "../constants.ts";
import { type InetConf, inetConfAttribute } from "./inet-conf.ts";
import { linkHeader } from "./link-header.ts";
import { readLinkIndex } from "./parse-link.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** A link by its index or by its name. */
export type LinkRef = number | string;

/** What is to change of a link; undefined leaves it as it is. */
export interface LinkChange {
  readonly up?: boolean | undefined;
  /** At most 255 bytes (IFALIASZ); an empty one removes the alias. */
  readonly alias?: string | undefined;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  /** Index of the bridge; 0 takes the link out of its bridge. */
  readonly master?: number | undefined;
  readonly group?: number | undefined;
  readonly inetConf?: InetConf | undefined;
  /**
   * IN6_ADDR_GEN_MODE_*; "none" (1) stops the kernel from giving the link an fe80:: address. EAFNOSUPPORT
   * without IPv6.
   */
  readonly addrGenMode?: number | undefined;
  /** The link must be port of a bridge before this request, not by it. */
  readonly bridgePort?: BridgePort | undefined;
  readonly bridgeSettings?: BridgeSettings | undefined;
}

function linkTarget(link: LinkRef, up?: boolean): Attribute {
  return typeof link === "number"
    ? [linkHeader({ index: link, up })]
    : [linkHeader({ up }), ...textAttribute(IFLA_IFNAME, link)];
}

function describeLink(link: LinkRef): string {
  return typeof link === "number" ? `link ${link}` : `link "${link}"`;
}

function afSpecAttribute({ inetConf, addrGenMode }: LinkChange): Attribute {
  if (inetConf === undefined && addrGenMode === undefined) return [];
  return nested(
    IFLA_AF_SPEC,
    optional(inetConf, inetConfAttribute),
    optional(addrGenMode, (mode) => nested(AF_INET6, u8Attribute(IFLA_INET6_ADDR_GEN_MODE, mode))),
  );
}

/**
 * Changes a link; ENODEV if there is none. RTM_NEWLINK without NLM_F_CREATE, because RTM_SETLINK ignores the
 * flags of a bridge port (rtnl_setlink of net/core/rtnetlink.c).
 */
export function setLink(link: LinkRef, change: LinkChange): NetlinkRequest {
  return {
    type: RTM_NEWLINK,
    flags: 0,
    payload: [
      ...linkTarget(link, change.up),
      ...optional(change.alias, (alias) => attribute(IFLA_IFALIAS, Buffer.from(alias))),
      ...optional(change.mac, (mac) => attribute(IFLA_ADDRESS, macToBytes(mac))),
      ...optional(change.mtu, (mtu) => u32Attribute(IFLA_MTU, mtu)),
      ...optional(change.master, (master) => u32Attribute(IFLA_MASTER, master)),
      ...optional(change.group, (group) => u32Attribute(IFLA_GROUP, group)),
      ...optional(change.bridgePort, bridgePortAttribute),
      ...optional(change.bridgeSettings, bridgeAttribute),
      ...afSpecAttribute(change),
    ],
    what: `set ${describeLink(link)}`,
  };
}

const SHOWN_NAMES = 3;

function describeNames(names: readonly string[]): string {
  return listSome(names, { max: SHOWN_NAMES, format: (name) => `"${name}"` });
}

/** Gives a link further names; EEXIST if one is taken by any link. Linux 5.5 and later. */
export function addAltNames(index: number, names: readonly string[]): NetlinkRequest {
  return {
    type: RTM_NEWLINKPROP,
    flags: 0,
    payload: [
      linkHeader({ index }),
      ...nested(IFLA_PROP_LIST, ...names.map((name) => textAttribute(IFLA_ALT_IFNAME, name))),
    ],
    what: `name link ${index} ${describeNames(names)}`,
  };
}

/** ENODEV if there is none. A veth takes its peer along. */
export function deleteLink(link: LinkRef): NetlinkRequest {
  return {
    type: RTM_DELLINK,
    flags: 0,
    payload: linkTarget(link),
    what: `delete ${describeLink(link)}`,
  };
}

/**
 * Deletes all links of a group in one go; ENODEV if it has none. Group 0 is everybody's, so it is refused.
 */
export function deleteLinkGroup(group: number): NetlinkRequest {
  if (!Number.isInteger(group) || group < 1 || group > 0xffffffff) {
    throw new RangeError(`Cannot delete link group ${group}: not in 1..4294967295`);
  }
  return {
    type: RTM_DELLINK,
    flags: 0,
    payload: [linkHeader({}), ...u32Attribute(IFLA_GROUP, group)],
    what: `delete link group ${group}`,
  };
}

/** One link; ENODEV if there is none. */
export function getLink(link: LinkRef): NetlinkRequest {
  return {
    type: RTM_GETLINK,
    flags: 0,
    payload: [...linkTarget(link), ...withoutStatistics()],
    what: `get ${describeLink(link)}`,
  };
}

export interface LinkFilter {
  /** Only ports of this bridge. */
  readonly master?: number | undefined;
  /**
   * Only links of this kind, as long as the kernel has the kind's driver loaded; it gives all links
   * otherwise.
   */
  readonly kind?: string | undefined;
}

export function dumpLinks({ master, kind }: LinkFilter = {}): NetlinkRequest {
  return {
    type: RTM_GETLINK,
    flags: NLM_F_DUMP,
    payload: [
      linkHeader({}),
      ...withoutStatistics(),
      ...optional(master, (index) => u32Attribute(IFLA_MASTER, index)),
      ...optional(kind, (text) => nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, text))),
    ],
    what: "list links",
    parts: {
      identity: (payload) => String(readLinkIndex(payload)),
      ask: (payload) => getLink(readLinkIndex(payload)),
    },
  };
}

function withoutStatistics(): Attribute {
  return u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}
