import {
  NF_ACCEPT,
  NFT_DATA_VERDICT,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWTABLE,
  NFT_SET_CONCAT,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_FIELD_LEN,
  NFTA_SET_FLAGS,
  NFTA_SET_ID,
  NFTA_SET_KEY_LEN,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_TABLE_NAME,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
} from "../../constants.ts";
import {
  type Attribute,
  attribute,
  nested,
  optional,
  textAttribute,
  u32NetworkAttribute,
} from "../../message/attributes.ts";
import type { MessageBody } from "../../message/message.ts";
import { writeComment } from "../nft-comment.ts";
import type { NftTableKey } from "../nft-objects.ts";
import { keyFields, padded, parseType } from "../nft-values.ts";
import { nftBody } from "./nft-transaction.ts";

/**
 * Parts of a transaction. What is created must not be there (EEXIST), what is deleted must (ENOENT), and
 * nothing may use it (EBUSY).
 */

/** Does nothing where the table is. */
export function createTable({ family, table }: NftTableKey): MessageBody {
  return nftBody(NFT_MSG_NEWTABLE, family, {
    flags: NLM_F_CREATE,
    attributes: textAttribute(NFTA_TABLE_NAME, table),
  });
}

/** With all that is in it. */
export function deleteTable({ family, table }: NftTableKey): MessageBody {
  return nftBody(NFT_MSG_DELTABLE, family, { attributes: textAttribute(NFTA_TABLE_NAME, table) });
}

export interface ChainDeclaration {
  readonly name: string;
  /**
   * Where packets meet it by itself (NF_INET_*), in a chain of type filter that accepts what no rule decides.
   */
  readonly hook?: { readonly number: number; readonly priority: number } | undefined;
}

export function createChain({ family, table }: NftTableKey, { name, hook }: ChainDeclaration): MessageBody {
  const base = optional(hook, ({ number, priority }) => [
    ...nested(
      NFTA_CHAIN_HOOK,
      u32NetworkAttribute(NFTA_HOOK_HOOKNUM, number),
      u32NetworkAttribute(NFTA_HOOK_PRIORITY, priority),
    ),
    ...textAttribute(NFTA_CHAIN_TYPE, "filter"),
    ...u32NetworkAttribute(NFTA_CHAIN_POLICY, NF_ACCEPT),
  ]);
  return nftBody(NFT_MSG_NEWCHAIN, family, {
    flags: NLM_F_CREATE | NLM_F_EXCL,
    attributes: [...textAttribute(NFTA_CHAIN_TABLE, table), ...textAttribute(NFTA_CHAIN_NAME, name), ...base],
  });
}

/** With its rules. */
export function deleteChain({ family, table }: NftTableKey, name: string): MessageBody {
  return nftBody(NFT_MSG_DELCHAIN, family, {
    attributes: [...textAttribute(NFTA_CHAIN_TABLE, table), ...textAttribute(NFTA_CHAIN_NAME, name)],
  });
}

export interface RuleDeclaration {
  readonly chain: string;
  readonly expressions: readonly Attribute[];
  /** At most 127 bytes. */
  readonly comment: string;
}

/** Behind the other rules of its chain. */
export function appendRule(
  { family, table }: NftTableKey,
  { chain, expressions, comment }: RuleDeclaration,
): MessageBody {
  return nftBody(NFT_MSG_NEWRULE, family, {
    flags: NLM_F_CREATE | NLM_F_APPEND,
    attributes: [
      ...textAttribute(NFTA_RULE_TABLE, table),
      ...textAttribute(NFTA_RULE_CHAIN, chain),
      ...nested(NFTA_RULE_EXPRESSIONS, ...expressions),
      ...attribute(NFTA_RULE_USERDATA, writeComment(comment)),
    ],
  });
}

/** All rules of a chain. */
export function deleteRules({ family, table }: NftTableKey, chain: string): MessageBody {
  return nftBody(NFT_MSG_DELRULE, family, {
    attributes: [...textAttribute(NFTA_RULE_TABLE, table), ...textAttribute(NFTA_RULE_CHAIN, chain)],
  });
}

export interface SetDeclaration {
  readonly name: string;
  /** Names of types that {@link parseType} knows, joined by ` . `. */
  readonly type: string;
  readonly isInterval: boolean;
  /** A map to verdicts. */
  readonly isVerdictMap: boolean;
}

/** `id` is another one for each set of a transaction. */
export function createSet(
  { family, table }: NftTableKey,
  { name, type, isInterval, isVerdictMap }: SetDeclaration,
  id: number,
): MessageBody {
  const fields = keyFields(type).map(({ bytes }) => bytes);
  const isConcatenation = fields.length > 1;
  const flags =
    (isInterval ? NFT_SET_INTERVAL : 0) |
    (isConcatenation && isInterval ? NFT_SET_CONCAT : 0) |
    (isVerdictMap ? NFT_SET_MAP : 0);
  const lengths = fields.map((bytes) =>
    nested(NFTA_LIST_ELEM, u32NetworkAttribute(NFTA_SET_FIELD_LEN, bytes)),
  );
  return nftBody(NFT_MSG_NEWSET, family, {
    flags: NLM_F_CREATE | NLM_F_EXCL,
    attributes: [
      ...textAttribute(NFTA_SET_TABLE, table),
      ...textAttribute(NFTA_SET_NAME, name),
      ...u32NetworkAttribute(NFTA_SET_FLAGS, flags),
      ...u32NetworkAttribute(NFTA_SET_KEY_TYPE, parseType(type)),
      ...u32NetworkAttribute(NFTA_SET_KEY_LEN, keyLength(fields)),
      ...(isVerdictMap ? u32NetworkAttribute(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT) : []),
      ...(isConcatenation && isInterval
        ? nested(NFTA_SET_DESC, nested(NFTA_SET_DESC_CONCAT, ...lengths))
        : []),
      ...u32NetworkAttribute(NFTA_SET_ID, id),
    ],
  });
}

/** A field of a concatenation fills registers of 32 bits. */
function keyLength(fields: readonly number[]): number {
  if (fields.length === 1) return fields[0] ?? 0;
  return fields.reduce((sum, bytes) => sum + padded(bytes), 0);
}

/** With its elements. */
export function deleteSet({ family, table }: NftTableKey, name: string): MessageBody {
  return nftBody(NFT_MSG_DELSET, family, {
    attributes: [...textAttribute(NFTA_SET_TABLE, table), ...textAttribute(NFTA_SET_NAME, name)],
  });
}
