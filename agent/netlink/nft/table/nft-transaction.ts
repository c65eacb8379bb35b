import {
  NFNL_BATCH_GENID,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
} from "../../constants.ts";
import { type Attribute, optional, u32NetworkAttribute } from "../../message/attributes.ts";
import type { MessageBody, NetlinkRequest } from "../../message/message.ts";
import { nfgenmsg } from "../nfgenmsg.ts";

export interface NftTransaction {
  /** At least one. */
  readonly bodies: readonly MessageBody[];
  /** In words, for errors. */
  readonly what: string;
  /** The kernel refuses the transaction (ERESTART) when the rulesets are of another generation. */
  readonly generation?: number | undefined;
}

/** Changes that succeed or fail together, and if they succeed are the rulesets' next generation. */
export function nftTransaction({ bodies, what, generation }: NftTransaction): NetlinkRequest {
  const last = bodies.at(-1);
  if (last === undefined) throw new RangeError(`Cannot ${what}: the transaction is empty`);
  const frame = (type: number, attributes: Attribute): MessageBody => {
    return { type, flags: 0, payload: [nfgenmsg(0, NFNL_SUBSYS_NFTABLES), ...attributes] };
  };
  const begin = optional(generation, (id) => u32NetworkAttribute(NFNL_BATCH_GENID, id));
  return {
    ...last,
    around: {
      before: [frame(NFNL_MSG_BATCH_BEGIN, begin), ...bodies.slice(0, -1)],
      after: [frame(NFNL_MSG_BATCH_END, [])],
    },
    what,
  };
}

/** A message of nftables about one table, by the kernel's number of the message and of the table's family. */
export function nftBody(
  message: number,
  family: number,
  { flags = 0, attributes }: { readonly flags?: number; readonly attributes: readonly Uint8Array[] },
): MessageBody {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | message,
    flags,
    payload: [nfgenmsg(family), ...attributes],
  };
}
