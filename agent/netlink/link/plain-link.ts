import { nested, optional, textAttribute, u32Attribute } from "../message/attributes.ts";
import {
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_NUM_TX_QUEUES,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_NEWLINK,
} from "../constants.ts";
import { linkHeader } from "./link-header.ts";
import type { NetlinkRequest } from "../message/message.ts";

/**
 * Kinds of link that are made without settings of their own. ifb: an intermediate functional block
 * (drivers/net/ifb.c), where what is redirected to it passes its queue and goes on where it came from.
 * wireguard: an encrypted tunnel (drivers/net/wireguard), which gets keys and peers afterwards.
 */
export type PlainKind = "ifb" | "wireguard";

export interface PlainLinkSpec {
  readonly kind: PlainKind;
  readonly name: string;
  /** As in {@link VethEnd}. */
  readonly index?: number | undefined;
  readonly mtu: number;
  readonly group?: number | undefined;
}

/** It is down. EEXIST if the name is taken, EOPNOTSUPP if the kernel has no such kind. */
export function createPlainLink({ kind, name, index, mtu, group }: PlainLinkSpec): NetlinkRequest {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      linkHeader({ index }),
      ...textAttribute(IFLA_IFNAME, name),
      ...u32Attribute(IFLA_MTU, mtu),
      ...optional(group, (number) => u32Attribute(IFLA_GROUP, number)),
      ...nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, kind)),
    ],
    what: `create ${kind} link "${name}"`,
  };
}

/**
 * Asks for a link that no kernel makes, of no queue: EINVAL if the kernel knows the kind, whose module it has
 * loaded then, and else EOPNOTSUPP (rtnl_create_link of net/core/rtnetlink.c).
 */
export function tryLinkKind(kind: string): NetlinkRequest {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      linkHeader({}),
      ...u32Attribute(IFLA_NUM_TX_QUEUES, 0),
      ...nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, kind)),
    ],
    what: `try the kind of links ${kind}`,
  };
}
