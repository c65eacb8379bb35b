import { release } from "node:os";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { countConnections } from "../../netlink/state/conntrack.ts";
import { CONNECTION_FEATURE, describeMissing } from "../../plan/node/kernel-features.ts";
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
    if (!(await lacksConnections(netfilter))) throw cause;
    throw new Error(`Cannot ${request.what}: ${describeMissing(release(), [CONNECTION_FEATURE])}`, { cause });
  }
}

/**
 * Whether the kernel has {@link CONNECTION_FEATURE} neither built in nor as a module that it can load, told
 * by trying: EINVAL is the answer where nobody serves a subsystem (nfnetlink_rcv_msg of
 * net/netfilter/nfnetlink.c).
 */
export async function lacksConnections(netfilter: Pick<NetlinkClient, "tryExecute">): Promise<boolean> {
  const [[outcome] = []] = await netfilter.tryExecute([{ requests: [countConnections()] }]);
  return outcome?.status === "failed" && outcome.error.code === "EINVAL";
}
