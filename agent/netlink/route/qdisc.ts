import { readS32, readU32, writeU32 } from "../package.ts";
import {
  type Attribute,
  attribute,
  nested,
  optional,
  readAttributes,
  readText,
  readU64,
  textAttribute,
  u32Attribute,
  u64Attribute,
} from "../message/attributes.ts";
import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELQDISC,
  RTM_GETQDISC,
  RTM_NEWQDISC,
  TC_H_INGRESS,
  TC_H_ROOT,
  TC_LINKLAYER_ETHERNET,
  TCA_INGRESS_BLOCK,
  TCA_KIND,
  TCA_OPTIONS,
  TCA_TBF_BURST,
  TCA_TBF_PARMS,
  TCA_TBF_RATE64,
} from "../constants.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { TC_HEADER_BYTES, tcHeader } from "./tc-header.ts";

/** Settings of a token bucket: see tc-tbf(8). */
export interface TokenBucket {
  /** Bytes a second. */
  readonly rate: number;
  /** Bytes that may pass at once. */
  readonly burst: number;
  /** Bytes that may wait, those of the burst included. */
  readonly limit: number;
}

/** A queueing discipline as the kernel describes it. */
export interface Qdisc {
  readonly linkIndex: number;
  readonly kind: string;
  /** TC_H_ROOT, TC_H_INGRESS or a class. */
  readonly parent: number;
  /** Of a tbf. The kernel keeps the burst as a time, so it is not read back. */
  readonly tokenBucket: Omit<TokenBucket, "burst"> | undefined;
}

const TBF_HANDLE = 0x0001_0000;

/** Handle of an ingress qdisc: there is one for each link, and its filters name it as their parent. */
export const INGRESS_HANDLE = 0xffff_0000;

/** struct tc_tbf_qopt of linux/pkt_sched.h: two struct tc_ratespec, limit, buffer, mtu. */
const TBF_BYTES = 36;
const LINK_LAYER_OFFSET = 1;
const RATE_OFFSET = 8;
const LIMIT_OFFSET = 24;
const MAX_U32 = 0xffff_ffff;

/** Makes a tbf the root qdisc of a link, in place of whatever is there. */
export function replaceTokenBucket(linkIndex: number, { rate, burst, limit }: TokenBucket): NetlinkRequest {
  const parameters = Buffer.alloc(TBF_BYTES);
  // Without it the kernel takes the rate from a table that the message would have to carry (tbf_change of
  // net/sched/sch_tbf.c).
  parameters[LINK_LAYER_OFFSET] = TC_LINKLAYER_ETHERNET;
  writeU32.call(parameters, Math.min(rate, MAX_U32), RATE_OFFSET);
  writeU32.call(parameters, limit, LIMIT_OFFSET);
  return {
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload: [
      tcHeader({ linkIndex, handle: TBF_HANDLE, parent: TC_H_ROOT }),
      ...textAttribute(TCA_KIND, "tbf"),
      ...nested(
        TCA_OPTIONS,
        attribute(TCA_TBF_PARMS, parameters),
        u32Attribute(TCA_TBF_BURST, burst),
        optional(rate > MAX_U32 ? rate : undefined, (wide): Attribute => u64Attribute(TCA_TBF_RATE64, wide)),
      ),
    ],
    what: `limit link ${linkIndex} to ${rate} bytes per second`,
  };
}

/** Gives a link its ingress qdisc; one that is there stays. */
export function addIngress(linkIndex: number): NetlinkRequest {
  return {
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE,
    payload: [
      tcHeader({ linkIndex, handle: INGRESS_HANDLE, parent: TC_H_INGRESS }),
      ...textAttribute(TCA_KIND, "ingress"),
    ],
    what: `make an ingress qdisc of link ${linkIndex}`,
  };
}

/** LOOPBACK_IFINDEX of net/loopback.h: every network namespace has this link. */
const LOOPBACK = 1;

/**
 * Asks for a qdisc that no kernel makes, whose filters would be in block 0: EINVAL if the kernel knows the
 * kind, whose module it has loaded then, and else ENOENT, or EOPNOTSUPP without any traffic control
 * (qdisc_create of net/sched/sch_api.c). EEXIST where the link has a qdisc that somebody gave it.
 */
export function tryQdisc(kind: string): NetlinkRequest {
  return {
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      tcHeader({ linkIndex: LOOPBACK, parent: TC_H_ROOT }),
      ...textAttribute(TCA_KIND, kind),
      ...u32Attribute(TCA_INGRESS_BLOCK, 0),
    ],
    what: `try the qdisc ${kind}`,
  };
}

/** ENOENT if there is none. Its filters go with it. */
export function deleteIngress(linkIndex: number): NetlinkRequest {
  return {
    type: RTM_DELQDISC,
    flags: 0,
    // Without its handle: the kernel would answer EINVAL where there was one before.
    payload: [tcHeader({ linkIndex, parent: TC_H_INGRESS })],
    what: `delete the ingress qdisc of link ${linkIndex}`,
  };
}

/** The qdiscs of all links. */
export function dumpQdiscs(): NetlinkRequest {
  return {
    type: RTM_GETQDISC,
    flags: NLM_F_DUMP,
    payload: [tcHeader({ linkIndex: 0 })],
    what: "list qdiscs",
  };
}

/** Reads the payload of an RTM_NEWQDISC; throws {@link MalformedMessageError}. */
export function parseQdisc(payload: Buffer): Qdisc {
  if (payload.length < TC_HEADER_BYTES) throw new MalformedMessageError("Cannot read qdisc: truncated");
  const attributes = readAttributes("qdisc", payload.subarray(TC_HEADER_BYTES));
  const kind = readText("qdisc", attributes, TCA_KIND);
  if (kind === undefined) throw new MalformedMessageError("Cannot read qdisc: no kind");
  return {
    linkIndex: readS32.call(payload, 4),
    parent: readU32.call(payload, 12),
    kind,
    tokenBucket: kind === "tbf" ? parseTokenBucket(attributes.get(TCA_OPTIONS)) : undefined,
  };
}

function parseTokenBucket(options: Buffer | undefined): Omit<TokenBucket, "burst"> {
  const attributes = readAttributes("tbf", options);
  const parameters = attributes.get(TCA_TBF_PARMS);
  if (parameters === undefined || parameters.length < TBF_BYTES)
    throw new MalformedMessageError("Cannot read tbf: no parameters");
  const wide = readU64("tbf", attributes, TCA_TBF_RATE64);
  return {
    rate: wide === undefined ? readU32.call(parameters, RATE_OFFSET) : Number(wide),
    limit: readU32.call(parameters, LIMIT_OFFSET),
  };
}
