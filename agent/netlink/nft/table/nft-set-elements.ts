import {
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NLM_F_CREATE,
  NLM_F_EXCL,
} from "../../constants.ts";
import {
  type Attribute,
  attribute,
  nested,
  optional,
  u32NetworkAttribute,
} from "../../message/attributes.ts";
import type { MessageBody } from "../../message/message.ts";
import { chunk, setAttributes } from "../nft-elements.ts";
import type { NftSetKey } from "../nft-listed-elements.ts";
import { nftBody } from "./nft-transaction.ts";
import { type NftVerdict, verdictAttribute } from "./nft-verdict.ts";

/** An element as the kernel has it; an interval of one field is two of them. */
export interface NftElement {
  /** Fields of a concatenation as {@link concatenate} writes them. */
  readonly key: Uint8Array;
  /** Last key of an interval of a concatenation. */
  readonly keyEnd?: Uint8Array | undefined;
  /** Nothing is in the set from this key on. */
  readonly isEnd?: boolean;
  /** Of a verdict map. */
  readonly verdict?: NftVerdict | undefined;
}

/** An attribute is less than 64 KiB long, and an element less than 100 bytes, but for the name of a chain. */
const ELEMENTS_PER_MESSAGE = 250;

/** EEXIST if one is there. */
export function addElements(key: NftSetKey, elements: readonly NftElement[]): readonly MessageBody[] {
  return inMessages(key, elements, { message: NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE | NLM_F_EXCL });
}

/** By their keys; ENOENT if one is not there. */
export function deleteElements(key: NftSetKey, elements: readonly NftElement[]): readonly MessageBody[] {
  const keys = elements.map((element) => ({ ...element, verdict: undefined }));
  return inMessages(key, keys, { message: NFT_MSG_DELSETELEM, flags: 0 });
}

/** All elements of a set. */
export function flushElements(key: NftSetKey): MessageBody {
  return nftBody(NFT_MSG_DELSETELEM, key.family, { attributes: setAttributes(key.table, key.set) });
}

function inMessages(
  key: NftSetKey,
  elements: readonly NftElement[],
  { message, flags }: { readonly message: number; readonly flags: number },
): readonly MessageBody[] {
  const set = setAttributes(key.table, key.set);
  return chunk(elements, ELEMENTS_PER_MESSAGE).map((part) => {
    const list = nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...part.map(elementAttribute));
    return nftBody(message, key.family, { flags, attributes: [...set, ...list] });
  });
}

function elementAttribute({ key, keyEnd, isEnd = false, verdict }: NftElement): Attribute {
  return nested(
    NFTA_LIST_ELEM,
    nested(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, key)),
    optional(keyEnd, (end) => nested(NFTA_SET_ELEM_KEY_END, attribute(NFTA_DATA_VALUE, end))),
    isEnd ? u32NetworkAttribute(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END) : [],
    optional(verdict, (given) => nested(NFTA_SET_ELEM_DATA, verdictAttribute(given))),
  );
}
