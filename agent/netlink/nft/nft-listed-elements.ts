import {
  attribute,
  nested,
  readAttributes,
  readItems,
  readNetworkU32,
  textAttribute,
} from "../message/attributes.ts";
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_GETSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_EXPR,
  NFTA_SET_ELEM_EXPRESSIONS,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_OBJREF,
  NFTA_SET_ELEM_TIMEOUT,
  NFTA_SET_ELEM_USERDATA,
  NLM_F_DUMP,
} from "../constants.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { NFGENMSG_BYTES, nfgenmsg } from "./nfgenmsg.ts";
import { readComment } from "./nft-comment.ts";
import { concatenate } from "./nft-elements.ts";
import type { NftTableKey } from "./nft-objects.ts";
import { readVerdict } from "./table/nft-verdict.ts";

/**
 * One element as the kernel keeps it. An interval without a `keyEnd` is two of them: where it begins, and
 * behind its end.
 */
export interface KernelElement {
  /** Undefined: it stands for all keys that no other element has. */
  readonly key: Buffer | undefined;
  /** Last key of an interval of a concatenation. */
  readonly keyEnd: Buffer | undefined;
  /** Nothing is in the set from this key on. */
  readonly isEnd: boolean;
  /** Undefined in a set, and in a verdict map. */
  readonly value: Buffer | undefined;
  /** As {@link readVerdict} writes it; undefined in all but a verdict map. */
  readonly verdict: string | undefined;
  readonly comment: string | undefined;
  /** It has what no element of ours has: a timeout, an expression or an object. */
  readonly isOdd: boolean;
}

export interface NftSetKey extends NftTableKey {
  readonly set: string;
}

/** All elements of a set; of one that has gone there are none. */
export function dumpElements(set: NftSetKey): NetlinkRequest {
  const what = `list elements of nftables set ${set.set}`;
  return { ...request(set), flags: NLM_F_DUMP, what, emptyOn: "ENOENT" };
}

/**
 * The element of a key, whose fields are in network order; in a set of intervals that in which the key lies.
 * ENOENT if there is none, or no such set.
 */
export function getElement(set: NftSetKey, key: readonly Uint8Array[]): NetlinkRequest {
  const element = nested(
    NFTA_LIST_ELEM,
    nested(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, concatenate(key))),
  );
  const { payload, ...rest } = request(set);
  const what = `get an element of nftables set ${set.set}`;
  return { ...rest, payload: [...payload, ...nested(NFTA_SET_ELEM_LIST_ELEMENTS, element)], what };
}

function request({ family, table, set }: NftSetKey): Omit<NetlinkRequest, "what"> {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETSETELEM,
    flags: 0,
    payload: [
      nfgenmsg(family),
      ...textAttribute(NFTA_SET_ELEM_LIST_TABLE, table),
      ...textAttribute(NFTA_SET_ELEM_LIST_SET, set),
    ],
  };
}

/** Reads the payload of an NFT_MSG_NEWSETELEM; throws {@link MalformedMessageError}. */
export function parseElements(payload: Buffer): readonly KernelElement[] {
  const list = readAttributes("nftables elements", payload.subarray(NFGENMSG_BYTES));
  return readItems("nftables elements", list.get(NFTA_SET_ELEM_LIST_ELEMENTS)).map(parseElement);
}

const ODD = [NFTA_SET_ELEM_TIMEOUT, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, NFTA_SET_ELEM_OBJREF];

function parseElement(bytes: Buffer): KernelElement {
  const what = "nftables element";
  const attributes = readAttributes(what, bytes);
  const valueOf = (type: number): Buffer | undefined =>
    readAttributes(what, attributes.get(type)).get(NFTA_DATA_VALUE);
  const data = readAttributes(what, attributes.get(NFTA_SET_ELEM_DATA));
  const verdict = data.get(NFTA_DATA_VERDICT);
  return {
    key: valueOf(NFTA_SET_ELEM_KEY),
    keyEnd: valueOf(NFTA_SET_ELEM_KEY_END),
    isEnd: ((readNetworkU32(what, attributes, NFTA_SET_ELEM_FLAGS) ?? 0) & NFT_SET_ELEM_INTERVAL_END) !== 0,
    value: data.get(NFTA_DATA_VALUE),
    verdict: verdict === undefined ? undefined : readVerdict(what, verdict),
    comment: readComment(attributes.get(NFTA_SET_ELEM_USERDATA)),
    isOdd: ODD.some((type) => attributes.has(type)),
  };
}
