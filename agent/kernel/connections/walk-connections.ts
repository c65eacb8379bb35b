import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { CONNECTION_FEATURE } from "../../plan/node/kernel-features.ts";
import { demandFeatures } from "../features/demand-features.ts";
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
    await demandFeatures([CONNECTION_FEATURE], netfilter, request.what, cause);
    throw cause;
  }
}
