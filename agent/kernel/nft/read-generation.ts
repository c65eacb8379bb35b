import { getGeneration, parseGeneration } from "../../netlink/nft/nft-generation.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** Generation of the namespace's rulesets. */
export async function readGeneration(netfilter: Pick<NetlinkClient, "execute">): Promise<number> {
  const [[[reply] = []] = []] = await netfilter.execute([{ requests: [getGeneration()] }]);
  return parseGeneration(reply?.payload ?? Buffer.alloc(0));
}
