import { readAttributes, readText } from "../message/attributes.ts";
import type { NetlinkMessage } from "../message/message.ts";
import { NFGENMSG_BYTES } from "./nfgenmsg.ts";
import { parseGeneration } from "./nft-generation.ts";

/** NFNL_SUBSYS_NFTABLES of linux/netfilter/nfnetlink.h and NFT_MSG_NEWGEN of linux/netfilter/nf_tables.h. */
const SUBSYSTEM = 10;
const NEW_GENERATION = 15;

/**
 * NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_SET_ELEM_LIST_TABLE,
 * NFTA_OBJ_TABLE: the table is always first.
 */
const NFTA_TABLE = 1;

/** What a notification of nftables tells. */
export interface NftNotification {
  /** Name of the table that an object was added to or deleted from. */
  readonly table: string | undefined;
  /** The generation that a transaction has led to: it is the last that is told of it. */
  readonly generation: number | undefined;
}

/** Throws {@link MalformedMessageError}. */
export function readNftNotification({ type, payload }: NetlinkMessage): NftNotification {
  const nothing = { table: undefined, generation: undefined };
  if (type >>> 8 !== SUBSYSTEM) return nothing;
  if ((type & 0xff) === NEW_GENERATION) return { ...nothing, generation: parseGeneration(payload) };
  const what = "nftables notification";
  const attributes = readAttributes(what, payload.subarray(NFGENMSG_BYTES));
  return { ...nothing, table: readText(what, attributes, NFTA_TABLE) };
}
