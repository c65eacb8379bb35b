import { readAttributes } from "../message/attributes.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { NFGENMSG_BYTES, nfgenmsg } from "./nfgenmsg.ts";

/** NETLINK_NETFILTER of linux/netlink.h. */
export const NETLINK_NETFILTER = 12;

/** NFNL_SUBSYS_NFTABLES of linux/netfilter/nfnetlink.h and NFT_MSG_GETGEN of linux/netfilter/nf_tables.h. */
const GET_GENERATION = (10 << 8) | 16;
const NFTA_GEN_ID = 1;

/** Asks for the generation of the namespace's rulesets: it changes with every transaction of anybody. */
export function getGeneration(): NetlinkRequest {
  return {
    type: GET_GENERATION,
    flags: 0,
    payload: [nfgenmsg(0)],
    what: "get nftables generation",
  };
}

/** Reads the payload of an NFT_MSG_NEWGEN; throws {@link MalformedMessageError}. */
export function parseGeneration(payload: Buffer): number {
  const id = readAttributes("nftables generation", payload.subarray(NFGENMSG_BYTES)).get(NFTA_GEN_ID);
  if (id?.length !== 4) throw new MalformedMessageError("Cannot read nftables generation: it is missing");
  return id.readUInt32BE(0);
}
