import { release } from "node:os";
import { describeMissing, LINK_FEATURES } from "../../plan/node/kernel-features.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { tryFeatures } from "./try-features.ts";

/**
 * Throws when the kernel lacks a kind of links without which there are no pods: by itself it says "not
 * supported" at most. `action`: what for, as in "use bridge"; `cause`: what it has said, if anything.
 */
export async function demandLinkKinds(
  rtnetlink: Pick<NetlinkClient, "tryExecute">,
  action: string,
  cause?: Error,
): Promise<void> {
  const { refused } = await tryFeatures(LINK_FEATURES, () => rtnetlink);
  if (refused.length > 0)
    throw new Error(`Cannot ${action}: ${describeMissing(release(), refused)}`, { cause });
}
