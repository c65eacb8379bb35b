import { addressToBytes } from "../../net/address.ts";
import { type Cidr, formatCidr } from "../../net/cidr.ts";
import { AF_INET, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "../constants.ts";
import { writeU16, writeU32 } from "../message/host-order.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** NETLINK_XFRM of linux/netlink.h. */
export const NETLINK_XFRM = 6;

/** enum of linux/xfrm.h. */
const XFRM_MSG_NEWPOLICY = 0x13;
const XFRM_MSG_DELPOLICY = 0x14;
const XFRM_MSG_GETPOLICY = 0x15;
const XFRM_MSG_GETSPDINFO = 0x25;
const XFRM_POLICY_IN = 0;
const XFRM_POLICY_BLOCK = 1;

/**
 * struct xfrm_selector, struct xfrm_userpolicy_info and struct xfrm_userpolicy_id of linux/xfrm.h: sizes and
 * offsets in bytes.
 */
const SELECTOR = {
  bytes: 56,
  daddr: 0,
  saddr: 16,
  family: 40,
  prefixD: 42,
  prefixS: 43,
  ifindex: 48,
} as const;
const INFO = { bytes: 168, limits: 56, limitsEnd: 88, priority: 152, dir: 160, action: 161 } as const;
const ID = { bytes: 64, dir: 60 } as const;

/**
 * A policy that drops packets to this network namespace itself, from `source` and to `destination`, IPv4.
 * Lower priorities win.
 */
export interface InboundBlock {
  readonly source: Cidr;
  readonly destination: Cidr;
  readonly priority: number;
}

/** EEXIST if there is one. */
export function addInboundBlock(block: InboundBlock): NetlinkRequest {
  return {
    type: XFRM_MSG_NEWPOLICY,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [policyInfo(block)],
    what: `add ${describe(block)}`,
  };
}

function policyInfo(block: InboundBlock): Buffer {
  const info = Buffer.alloc(INFO.bytes);
  info.set(selector(block));
  // XFRM_INF: no limit of bytes or packets ends it.
  info.fill(0xff, INFO.limits, INFO.limitsEnd);
  writeU32(info, INFO.priority, block.priority);
  info[INFO.dir] = XFRM_POLICY_IN;
  info[INFO.action] = XFRM_POLICY_BLOCK;
  return info;
}

/** ENOENT if there is none. */
export function deleteInboundBlock(block: InboundBlock): NetlinkRequest {
  const id = Buffer.alloc(ID.bytes);
  id.set(selector(block));
  id[ID.dir] = XFRM_POLICY_IN;
  return { type: XFRM_MSG_DELPOLICY, flags: 0, payload: [id], what: `delete ${describe(block)}` };
}

export function dumpPolicies(): NetlinkRequest {
  return {
    type: XFRM_MSG_GETPOLICY,
    flags: NLM_F_DUMP,
    payload: [Buffer.alloc(ID.bytes)],
    what: "list packet policies",
    emptyOn: "ENOENT",
  };
}

/** How many there are: the smallest question. */
export function countPolicies(): NetlinkRequest {
  // The payload is a word of flags, of which there are none.
  return {
    type: XFRM_MSG_GETSPDINFO,
    flags: 0,
    payload: [Buffer.alloc(4)],
    what: "count packet policies",
  };
}

/** Whether a struct xfrm_userpolicy_info is such a policy; throws {@link MalformedMessageError}. */
export function isInboundBlock(payload: Buffer, block: InboundBlock): boolean {
  if (payload.length < INFO.bytes) throw new MalformedMessageError("Cannot read policy: truncated");
  const wanted = policyInfo(block);
  return [
    [0, SELECTOR.bytes] as const,
    [INFO.priority, INFO.priority + 4] as const,
    [INFO.dir, INFO.action + 1] as const,
  ].every(([start, end]) => wanted.subarray(start, end).equals(payload.subarray(start, end)));
}

function selector({ source, destination }: InboundBlock): Uint8Array {
  const bytes = new Uint8Array(SELECTOR.bytes);
  bytes.set(addressToBytes(destination.base), SELECTOR.daddr);
  bytes.set(addressToBytes(source.base), SELECTOR.saddr);
  writeU16(bytes, SELECTOR.family, AF_INET);
  bytes[SELECTOR.prefixD] = destination.prefixLength;
  bytes[SELECTOR.prefixS] = source.prefixLength;
  return bytes;
}

function describe({ source, destination }: InboundBlock): string {
  return `policy against packets from ${formatCidr(source)} to ${formatCidr(destination)}`;
}
