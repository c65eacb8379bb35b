import { messageBytes, type MessageBody } from "../../../netlink/message/message.ts";
import { nftTransaction } from "../../../netlink/nft/table/nft-transaction.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";
import type { Step } from "./change-messages.ts";

export interface SendInput {
  readonly netfilter: Pick<NetlinkClient, "execute">;
  /** In words, for errors. */
  readonly what: string;
  /** Of the rulesets, for which the steps were planned: see {@link NftTransaction}. */
  readonly generation?: number | undefined;
}

/**
 * More than a transaction of any real table has. A socket that we may not give a large buffer takes some 400
 * KB.
 */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Sends steps in one transaction, or in as few as the socket takes, in their order. Gives the number of
 * transactions. Throws NetlinkError for what the kernel refuses; then the transactions before it were made.
 */
export async function sendSteps(
  { netfilter, what, generation }: SendInput,
  steps: readonly Step[],
): Promise<number> {
  let limit = MAX_BYTES;
  let rest = steps;
  let count = 0;
  while (rest.length > 0) {
    const part = takeSteps(rest, limit);
    try {
      const isExpected = generation === undefined || count > 0;
      const request = nftTransaction({
        bodies: part.flat(),
        what,
        generation: isExpected ? undefined : generation,
      });
      await netfilter.execute([{ requests: [request] }]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EMSGSIZE" || part.length === 1) throw error;
      limit = Math.floor(bytesOf(part) / 2);
      continue;
    }
    rest = rest.slice(part.length);
    count += 1;
  }
  return count;
}

/** At least one. */
function takeSteps(steps: readonly Step[], limit: number): readonly Step[] {
  let size = 0;
  const end = steps.findIndex((step, index) => {
    size += bytesOf([step]);
    return size > limit && index > 0;
  });
  return end === -1 ? steps : steps.slice(0, end);
}

export function bytesOf(steps: readonly Step[]): number {
  return steps.flat().reduce((sum: number, body: MessageBody) => sum + messageBytes(body), 0);
}
