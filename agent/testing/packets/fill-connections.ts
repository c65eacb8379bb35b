import { addressToBytes } from "../../net/address.ts";
import {
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_MARK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  IPCTNL_MSG_CT_NEW,
  NFNL_SUBSYS_CTNETLINK,
  NLM_F_CREATE,
} from "../../netlink/constants.ts";
import { familyToAf } from "../../netlink/family.ts";
import {
  type Attribute,
  attribute,
  nested,
  u8Attribute,
  u16NetworkAttribute,
  u32NetworkAttribute,
} from "../../netlink/message/attributes.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { nfgenmsg } from "../../netlink/nft/nfgenmsg.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { forgetConnections } from "../policy/forget-connections.ts";

/** Of linux/netfilter/nfnetlink_conntrack.h and nf_conntrack_common.h. */
const [CTA_STATUS, CTA_TIMEOUT] = [3, 7];
const [SEEN_REPLY, ASSURED, CONFIRMED] = [1 << 1, 1 << 2, 1 << 3];

const NEW = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;
const UDP = 17;
const AT_ONCE = 4096;

/** Of these connections alone. */
const MARK = 1;

/** All of them go to addresses of this prefix. */
export const FILLED_PREFIX = "198.19.";

/**
 * Makes established connections until the kernel has no room for one more, or as many as are wanted: the
 * limit is the machine's, and the table this namespace's own. They are of nobody, or of one pod.
 */
export async function fillConnections(
  netfilter: NetlinkClient,
  { source = "198.18.0.1", count = Number.POSITIVE_INFINITY } = {},
): Promise<void> {
  const newConnection = createNewConnection(source);
  for (let made = 0; made < count; made += AT_ONCE) {
    const length = Math.min(AT_ONCE, count - made);
    const requests = Array.from({ length }, (_, index) => newConnection(made + index));
    const [outcomes = []] = await netfilter.tryExecute([{ requests }]);
    if (outcomes.some(({ status }) => status !== "done")) return;
  }
}

/** Makes the kernel forget those, and no others. */
export function forgetFilled(netfilter: NetlinkClient): Promise<void> {
  return forgetConnections(netfilter, MARK);
}

/** Hundreds of thousands differ by who is asked and a port alone: each is a copy of the first. */
function createNewConnection(source: string): (number: number) => NetlinkRequest {
  const [sourcePort, asked] = [0xabcd, `${FILLED_PREFIX}0.1`];
  const service = [asked, 9] as const;
  const first = Buffer.concat([
    nfgenmsg(familyToAf(4)),
    ...tuple(CTA_TUPLE_ORIG, [source, sourcePort], service),
    ...tuple(CTA_TUPLE_REPLY, service, [source, sourcePort]),
    ...u32NetworkAttribute(CTA_STATUS, SEEN_REPLY | ASSURED | CONFIRMED),
    ...u32NetworkAttribute(CTA_TIMEOUT, 600),
    ...u32NetworkAttribute(CTA_MARK, MARK),
  ]);
  const port = Buffer.from([sourcePort >> 8, sourcePort & 255]);
  const address = Buffer.from(addressToBytes(asked));
  const [ports, addresses] = [port, address].map((bytes) => [first.indexOf(bytes), first.lastIndexOf(bytes)]);
  return (number) => {
    const payload = Buffer.from(first);
    for (const place of addresses ?? []) payload.writeUInt16BE(number & 0xffff, place + 2);
    for (const place of ports ?? []) payload.writeUInt16BE(1024 + (number >> 16), place);
    return {
      type: NEW,
      flags: NLM_F_CREATE,
      payload: [payload],
      what: "make a connection",
    };
  };
}

type End = readonly [address: string, port: number];

function tuple(type: number, [source, sourcePort]: End, [destination, destinationPort]: End): Attribute {
  return nested(
    type,
    nested(
      CTA_TUPLE_IP,
      attribute(CTA_IP_V4_SRC, addressToBytes(source)),
      attribute(CTA_IP_V4_DST, addressToBytes(destination)),
    ),
    nested(
      CTA_TUPLE_PROTO,
      u8Attribute(CTA_PROTO_NUM, UDP),
      u16NetworkAttribute(CTA_PROTO_SRC_PORT, sourcePort),
      u16NetworkAttribute(CTA_PROTO_DST_PORT, destinationPort),
    ),
  );
}
