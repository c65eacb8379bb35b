import { ensureIpv6Forwarding, procSysctls } from "./ipv6-forwarding.ts";
import type { NodeOutcome } from "../types.ts";
import type { Native } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createUnderlayObserver } from "./underlay.ts";

/**
 * Turns IPv6 forwarding of this network namespace on, before there is an agent: its uplinks are those that
 * lead out of the cluster.
 */
export async function setIpv6Forwarding(native: Native): Promise<NodeOutcome> {
  const rtnetlink = createNetlinkClient(native);
  try {
    const { uplinks } = await createUnderlayObserver(rtnetlink).observe([], [], "all");
    return await ensureIpv6Forwarding(
      procSysctls,
      uplinks.map(({ name }) => name),
    );
  } finally {
    rtnetlink.close();
  }
}
