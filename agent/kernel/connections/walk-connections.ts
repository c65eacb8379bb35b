import { release } from "node:os";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { CONNECTION_FEATURE, describeMissing } from "../../plan/node/kernel-features.ts";
import { tryFeatures } from "../features/try-features.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import type { VisitPart } from "../socket/walk-dump.ts";

/** Walks through tracked connections; where the kernel cannot tell of any, the error names what it lacks. */
export async function walkConnections(
  netfilter: Pick<NetlinkClient, "tryExecute" | "walk">,
  request: NetlinkRequest,
  visit: VisitPart,
): Promise<void> {
  try {
    await netfilter.walk(request, visit);
  } catch (cause) {
    const { refused } = await tryFeatures([CONNECTION_FEATURE], () => netfilter);
    if (refused.length === 0) throw cause;
    throw new Error(`Cannot ${request.what}: ${describeMissing(release(), refused)}`, { cause });
  }
}
