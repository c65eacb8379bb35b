import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { isNotFound, isNotSupported } from "../../netlink/message/netlink-error.ts";
import type { NetlinkClient } from "./netlink-client.ts";

/**
 * Runs requests about things that are to go; what is gone already is as good as removed, and so is what
 * cannot exist because the kernel lacks its kind (IPv6: cilium/cilium#20672). All are tried, the first
 * failure is thrown.
 */
export async function removeAll(
  netlink: Pick<NetlinkClient, "tryExecute">,
  requests: readonly NetlinkRequest[],
): Promise<void> {
  if (requests.length === 0) return;
  const outcomes = (await netlink.tryExecute([{ requests }])).flat();
  for (const outcome of outcomes) {
    if (outcome.status !== "failed" || isNotFound(outcome.error) || isNotSupported(outcome.error)) continue;
    throw outcome.error;
  }
}
