import { release } from "node:os";
import { describeMissing, type KernelFeature } from "../../plan/node/kernel-features.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { tryFeatures } from "./try-features.ts";

/**
 * Throws when the kernel lacks a feature, with its name: by itself it says "not supported" at most. `action`:
 * what for, as in "use bridge"; `cause`: what it has said, if anything.
 */
export async function demandFeatures(
  features: readonly KernelFeature[],
  client: Pick<NetlinkClient, "tryExecute">,
  action: string,
  cause?: unknown,
): Promise<void> {
  const { refused } = await tryFeatures(features, () => client);
  if (refused.length > 0)
    throw new Error(`Cannot ${action}: ${describeMissing(release(), refused)}`, { cause });
}
