import { setLink } from "../netlink/link.ts";
import type { Link } from "../netlink/parse-link.ts";
import { needsLocalnet, type PortBinding } from "../plan/host-ports.ts";
import { existingLink } from "./change-link.ts";
import type { Rtnetlink } from "./rtnetlink.ts";

/**
 * Lets the bridge carry what the node sends from 127.0.0.1 to a pod while a host port needs that, and not after. The guard of the ruleset
 * (plan/ruleset.ts) keeps pods from the node's loopback meanwhile. Gives the bridge as it is then.
 */
export async function ensureLocalnet(
  rtnetlink: Rtnetlink,
  bridge: Link,
  bindings: readonly PortBinding[],
): Promise<Link> {
  const wanted = bindings.some(({ hostPorts }) => hostPorts.some(needsLocalnet)) ? 1 : 0;
  if (bridge.inetConf === undefined || bridge.inetConf.route_localnet === wanted) return bridge;
  await rtnetlink.execute([{ requests: [setLink(bridge.index, { inetConf: { route_localnet: wanted } })] }]);
  return existingLink(rtnetlink, bridge.name);
}
