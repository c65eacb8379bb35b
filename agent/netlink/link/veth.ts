import { macToBytes } from "../../net/mac.ts";
import {
  type Attribute,
  attribute,
  nested,
  optional,
  textAttribute,
  u8Attribute,
  u32Attribute,
} from "../message/attributes.ts";
import {
  IFLA_ADDRESS,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_OPERSTATE,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_NEWLINK,
  VETH_INFO_PEER,
} from "../constants.ts";
import { linkHeader } from "./link-header.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** One end of a veth. */
export interface VethEnd {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  /**
   * Interface index, so that following messages of the same batch can use it; chosen by the kernel when
   * undefined. EBUSY (EEXIST before Linux 6.2) if it is taken. Linux before 6.13 ignores the peer's when the
   * host end has none.
   */
  readonly index?: number | undefined;
  readonly up?: boolean | undefined;
}

export interface VethSpec {
  readonly host: VethEnd & {
    /** Index of the bridge that the end becomes a port of. */
    readonly master?: number | undefined;
    readonly group?: number | undefined;
  };
  readonly peer: VethEnd & {
    /** Descriptor of the network namespace in which the peer is made. */
    readonly netns: number;
  };
}

/**
 * One queue each way. The kernel uses no more of a veth without XDP (veth_init_queues of drivers/net/veth.c),
 * but otherwise makes one for each CPU first, with objects in sysfs, and deletes all but one again: a fifth
 * of what a veth costs with 2 CPUs, and more with each.
 */
const QUEUES = 1;

/**
 * IF_OPER_DORMANT of linux/if.h. A link whose state nobody has looked at yet is IF_OPER_UNKNOWN, which counts
 * as running: only from another state on does IFF_RUNNING tell that the kernel's worker has seen the carrier.
 */
const NOT_YET_SEEN = 5;

function endAttributes({ name, mac, mtu }: VethEnd): Attribute {
  return [
    ...textAttribute(IFLA_IFNAME, name),
    ...attribute(IFLA_ADDRESS, macToBytes(mac)),
    ...u32Attribute(IFLA_MTU, mtu),
    ...u32Attribute(IFLA_NUM_TX_QUEUES, QUEUES),
    ...u32Attribute(IFLA_NUM_RX_QUEUES, QUEUES),
  ];
}

/** A veth whose peer is born in another network namespace; EEXIST if a name is taken on either side. */
export function createVeth({ host, peer }: VethSpec): NetlinkRequest {
  const data = nested(
    IFLA_INFO_DATA,
    nested(VETH_INFO_PEER, [linkHeader(peer)], endAttributes(peer), u32Attribute(IFLA_NET_NS_FD, peer.netns)),
  );
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      linkHeader(host),
      ...endAttributes(host),
      ...u8Attribute(IFLA_OPERSTATE, NOT_YET_SEEN),
      ...optional(host.master, (master) => u32Attribute(IFLA_MASTER, master)),
      ...optional(host.group, (group) => u32Attribute(IFLA_GROUP, group)),
      ...nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, "veth"), data),
    ],
    what: `create veth "${host.name}" with peer "${peer.name}"`,
  };
}
