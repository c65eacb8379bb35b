import { readS32, readU16, readU32, writeS32, writeU32 } from "../package.ts";
import { attribute, nested, readAttributes, readText, textAttribute } from "../message/attributes.ts";
import {
  ETH_P_ALL,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTM_GETTFILTER,
  RTM_NEWACTION,
  RTM_NEWTFILTER,
  TC_ACT_STOLEN,
  TC_U32_TERMINAL,
  TCA_ACT_KIND,
  TCA_ACT_OPTIONS,
  TCA_ACT_TAB,
  TCA_EGRESS_REDIR,
  TCA_KIND,
  TCA_MIRRED_PARMS,
  TCA_OPTIONS,
  TCA_U32_ACT,
  TCA_U32_SEL,
} from "../constants.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { INGRESS_HANDLE } from "./qdisc.ts";
import { TC_HEADER_BYTES, tcHeader } from "./tc-header.ts";

/** struct tc_u32_sel with one struct tc_u32_key (linux/pkt_cls.h); a key of zeros matches everything. */
const SELECTOR_BYTES = 32;
const KEY_COUNT_OFFSET = 2;

/**
 * struct tc_mirred of linux/tc_act/tc_mirred.h: index, capabilities, action, two counts, what to do, to which
 * link.
 */
const MIRRED_BYTES = 28;
const ACTION_OFFSET = 8;
const REDIRECT_OFFSET = 20;
const TARGET_OFFSET = 24;

const PRIORITY = 1;

/** Any number: a filter may have several actions, and this is its first. */
const FIRST_ACTION = 1;

/** A number in network order, as a field of a struct that is written in the machine's. */
function toNetworkOrder(value: number): number {
  return readU16.call(Uint8Array.of(value >>> 8, value & 0xff), 0);
}

/**
 * Sends everything that comes in through a link, which has an ingress qdisc, out through another. With u32,
 * which every distribution's kernel has, while matchall is younger and left out of small ones.
 */
export function addRedirect(linkIndex: number, toLinkIndex: number): NetlinkRequest {
  const selector = Buffer.alloc(SELECTOR_BYTES);
  selector[0] = TC_U32_TERMINAL;
  selector[KEY_COUNT_OFFSET] = 1;
  const mirred = Buffer.alloc(MIRRED_BYTES);
  writeS32.call(mirred, TC_ACT_STOLEN, ACTION_OFFSET);
  writeS32.call(mirred, TCA_EGRESS_REDIR, REDIRECT_OFFSET);
  writeU32.call(mirred, toLinkIndex, TARGET_OFFSET);
  const action = nested(
    FIRST_ACTION,
    textAttribute(TCA_ACT_KIND, "mirred"),
    nested(TCA_ACT_OPTIONS, attribute(TCA_MIRRED_PARMS, mirred)),
  );
  return {
    type: RTM_NEWTFILTER,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      tcHeader({
        linkIndex,
        parent: INGRESS_HANDLE,
        info: (PRIORITY << 16) | toNetworkOrder(ETH_P_ALL),
      }),
      ...textAttribute(TCA_KIND, "u32"),
      ...nested(TCA_OPTIONS, attribute(TCA_U32_SEL, selector), nested(TCA_U32_ACT, action)),
    ],
    what: `redirect link ${linkIndex} to link ${toLinkIndex}`,
  };
}

/** The filters of a link's ingress qdisc; none without such a qdisc. */
export function dumpIngressFilters(linkIndex: number): NetlinkRequest {
  return {
    type: RTM_GETTFILTER,
    flags: NLM_F_DUMP,
    payload: [tcHeader({ linkIndex, parent: INGRESS_HANDLE })],
    what: `list filters of link ${linkIndex}`,
  };
}

/**
 * Index of the link that a filter redirects to; undefined for any other filter. Reads the payload of an
 * RTM_NEWTFILTER.
 */
export function parseRedirect(payload: Buffer): number | undefined {
  const attributes = readAttributes("filter", payload.subarray(TC_HEADER_BYTES));
  const options = readAttributes("u32 filter", attributes.get(TCA_OPTIONS));
  const actions = readAttributes("actions", options.get(TCA_U32_ACT));
  const action = readAttributes("action", actions.get(FIRST_ACTION));
  if (readText("action", action, TCA_ACT_KIND) !== "mirred") return undefined;
  const mirred = readAttributes("mirred", action.get(TCA_ACT_OPTIONS)).get(TCA_MIRRED_PARMS);
  if (mirred === undefined || mirred.length < MIRRED_BYTES) return undefined;
  return readS32.call(mirred, REDIRECT_OFFSET) === TCA_EGRESS_REDIR
    ? readU32.call(mirred, TARGET_OFFSET)
    : undefined;
}

/** Size of struct tcamsg of linux/rtnetlink.h, whose family stays 0. */
const ACTION_HEADER_BYTES = 4;

/**
 * Asks for an action without the settings that none is made without: EINVAL if the kernel knows the kind,
 * whose module it has loaded then, and else ENOENT, or EOPNOTSUPP without any actions (tc_action_load_ops of
 * net/sched/act_api.c). EPERM in a user namespace of one's own.
 */
export function tryAction(kind: string): NetlinkRequest {
  return {
    type: RTM_NEWACTION,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      Buffer.alloc(ACTION_HEADER_BYTES),
      ...nested(TCA_ACT_TAB, nested(FIRST_ACTION, textAttribute(TCA_ACT_KIND, kind))),
    ],
    what: `try the action ${kind}`,
  };
}
