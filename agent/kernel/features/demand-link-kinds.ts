import { release } from "node:os";
import { describeMissing, LINK_FEATURES } from "../../plan/node/kernel-features.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { tryFeatures } from "./try-features.ts";

/**
 * Throws when the kernel lacks a kind of links without which there are no pods. Of one that it does not have
 * it says "not supported" at most. `action`: what for, as in "create bridge".
 */
export async function demandLinkKinds(
  rtnetlink: Pick<NetlinkClient, "tryExecute">,
  action: string,
): Promise<void> {
  const { refused } = await tryFeatures(LINK_FEATURES, () => rtnetlink);
  if (refused.length > 0) throw new Error(`Cannot ${action}: ${describeMissing(release(), refused)}`);
}
