import {
  findAttribute,
  optional,
  readAttributes,
  readItems,
  readNetworkU32,
  readText,
  textAttribute,
} from "../message/attributes.ts";
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETOBJ,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSET,
  NFT_MSG_GETTABLE,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_COUNTER_PACKETS,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_OBJ_DATA,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_FLAGS,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
  NLM_F_DUMP,
} from "../constants.ts";
import type { MessageBody, NetlinkRequest } from "../message/message.ts";
import { NFGENMSG_BYTES, nfgenmsg } from "./nfgenmsg.ts";
import { readComment } from "./nft-comment.ts";

/** A table of nftables: NFPROTO_* and a name. */
export interface NftTableKey {
  readonly family: number;
  readonly table: string;
}

/**
 * What the kernel tells of a set or map; numbers of types are those of nft (include/datatype.h), six bits for
 * each field of a concatenation.
 */
export interface KernelSet {
  readonly name: string;
  /** NFT_SET_*. */
  readonly flags: number;
  readonly keyType: number;
  /** Undefined: it is a set. */
  readonly dataType: number | undefined;
}

export interface KernelChain {
  readonly table: string;
  readonly name: string;
  /** Undefined, like hook, priority and policy: no packet meets it by itself. */
  readonly type: string | undefined;
  /** NF_INET_* or NF_BR_*. */
  readonly hook: number | undefined;
  readonly priority: number | undefined;
  /** NF_ACCEPT or NF_DROP. */
  readonly policy: number | undefined;
}

export interface KernelRule {
  readonly chain: string;
  readonly comment: string | undefined;
}

/** An object that rules refer to by name. */
export interface KernelObject {
  readonly name: string;
  /** NFT_OBJECT_*. */
  readonly type: number;
  /** What a counter has counted; 0 for other objects. */
  readonly packets: number;
}

/** ENOENT if there is no such table. */
export function getTable({ family, table }: NftTableKey): NetlinkRequest {
  return {
    ...body(NFT_MSG_GETTABLE, family, textAttribute(NFTA_TABLE_NAME, table)),
    what: `get nftables table ${table}`,
  };
}

/** Flags of a table (NFT_TABLE_F_*): payload of an NFT_MSG_NEWTABLE; throws {@link MalformedMessageError}. */
export function parseTableFlags(payload: Buffer): number {
  const attributes = readAttributes("nftables table", payload.subarray(NFGENMSG_BYTES));
  return readNetworkU32("nftables table", attributes, NFTA_TABLE_FLAGS) ?? 0;
}

export function dumpSets({ family, table }: NftTableKey): NetlinkRequest {
  return dump(NFT_MSG_GETSET, family, {
    filter: textAttribute(NFTA_SET_TABLE, table),
    what: `list sets of nftables table ${table}`,
  });
}

/** Reads the payload of an NFT_MSG_NEWSET; throws {@link MalformedMessageError}. */
export function parseSet(payload: Buffer): KernelSet {
  const what = "nftables set";
  const attributes = readAttributes(what, payload.subarray(NFGENMSG_BYTES));
  return {
    name: readText(what, attributes, NFTA_SET_NAME) ?? "",
    flags: readNetworkU32(what, attributes, NFTA_SET_FLAGS) ?? 0,
    keyType: readNetworkU32(what, attributes, NFTA_SET_KEY_TYPE) ?? 0,
    dataType: readNetworkU32(what, attributes, NFTA_SET_DATA_TYPE),
  };
}

/** Chains of all tables of a family: Linux takes no filter for them. */
export function dumpChains(family: number): NetlinkRequest {
  return dump(NFT_MSG_GETCHAIN, family, { filter: [], what: "list chains of nftables" });
}

/** Whether packets meet a chain by itself: of a service proxy's thousands few are read. */
export function isBaseChain(payload: Buffer): boolean {
  return findAttribute(payload, NFGENMSG_BYTES, NFTA_CHAIN_HOOK) >= 0;
}

/** Reads the payload of an NFT_MSG_NEWCHAIN; throws {@link MalformedMessageError}. */
export function parseChain(payload: Buffer): KernelChain {
  const what = "nftables chain";
  const attributes = readAttributes(what, payload.subarray(NFGENMSG_BYTES));
  const hook = readAttributes(what, attributes.get(NFTA_CHAIN_HOOK));
  const priority = readNetworkU32(what, hook, NFTA_HOOK_PRIORITY);
  return {
    table: readText(what, attributes, NFTA_CHAIN_TABLE) ?? "",
    name: readText(what, attributes, NFTA_CHAIN_NAME) ?? "",
    type: readText(what, attributes, NFTA_CHAIN_TYPE),
    hook: readNetworkU32(what, hook, NFTA_HOOK_HOOKNUM),
    priority: priority === undefined ? undefined : priority | 0,
    policy: readNetworkU32(what, attributes, NFTA_CHAIN_POLICY),
  };
}

/** Rules of a table in their order, chain after chain, or of one chain. */
export function dumpRules({
  family,
  table,
  chain,
}: NftTableKey & { readonly chain?: string }): NetlinkRequest {
  return dump(NFT_MSG_GETRULE, family, {
    filter: [
      ...textAttribute(NFTA_RULE_TABLE, table),
      ...optional(chain, (name) => textAttribute(NFTA_RULE_CHAIN, name)),
    ],
    what: `list rules of nftables table ${table}`,
  });
}

/** Reads the payload of an NFT_MSG_NEWRULE; throws {@link MalformedMessageError}. */
export function parseRule(payload: Buffer): KernelRule {
  const what = "nftables rule";
  const attributes = readAttributes(what, payload.subarray(NFGENMSG_BYTES));
  return {
    chain: readText(what, attributes, NFTA_RULE_CHAIN) ?? "",
    comment: readComment(attributes.get(NFTA_RULE_USERDATA)),
  };
}

/** What the counter of a rule has counted; undefined: it has none. Throws {@link MalformedMessageError}. */
export function readRulePackets(payload: Buffer): number | undefined {
  const what = "nftables rule";
  const attributes = readAttributes(what, payload.subarray(NFGENMSG_BYTES));
  for (const bytes of readItems(what, attributes.get(NFTA_RULE_EXPRESSIONS))) {
    const expression = readAttributes(what, bytes);
    if (readText(what, expression, NFTA_EXPR_NAME) !== "counter") continue;
    const packets = readAttributes(what, expression.get(NFTA_EXPR_DATA)).get(NFTA_COUNTER_PACKETS);
    return packets?.length === 8 ? Number(packets.readBigUInt64BE(0)) : 0;
  }
  return undefined;
}

/** Number of a rule, as text: one that takes the place of another has a number of its own. */
export function readRuleHandle(payload: Buffer): string {
  return (
    readAttributes("nftables rule", payload.subarray(NFGENMSG_BYTES))
      .get(NFTA_RULE_HANDLE)
      ?.toString("hex") ?? ""
  );
}

export function dumpObjects({ family, table }: NftTableKey): NetlinkRequest {
  return dump(NFT_MSG_GETOBJ, family, {
    filter: textAttribute(NFTA_OBJ_TABLE, table),
    what: `list objects of nftables table ${table}`,
  });
}

/** Reads the payload of an NFT_MSG_NEWOBJ; throws {@link MalformedMessageError}. */
export function parseObject(payload: Buffer): KernelObject {
  const what = "nftables object";
  const attributes = readAttributes(what, payload.subarray(NFGENMSG_BYTES));
  const packets = readAttributes(what, attributes.get(NFTA_OBJ_DATA)).get(NFTA_COUNTER_PACKETS);
  return {
    name: readText(what, attributes, NFTA_OBJ_NAME) ?? "",
    type: readNetworkU32(what, attributes, NFTA_OBJ_TYPE) ?? 0,
    packets: packets?.length === 8 ? Number(packets.readBigUInt64BE(0)) : 0,
  };
}

function dump(
  message: number,
  family: number,
  { filter, what }: { readonly filter: readonly Uint8Array[]; readonly what: string },
): NetlinkRequest {
  // A table that has gone has nothing.
  return { ...body(message, family, filter), flags: NLM_F_DUMP, what, emptyOn: "ENOENT" };
}

function body(message: number, family: number, attributes: readonly Uint8Array[]): MessageBody {
  const type = (NFNL_SUBSYS_NFTABLES << 8) | message;
  return { type, flags: 0, payload: [nfgenmsg(family), ...attributes] };
}
