import { addressBits } from "../../net/cidr.ts";
import { RT_TABLE_MAIN, RTN_UNICAST } from "../../netlink/constants.ts";
import { dumpRoutes, readRouteOutline } from "../../netlink/route/route.ts";
import { FAMILIES } from "../../plan/peers/peer-routes.ts";
import { listPeerRoutes } from "./observe-peers.ts";
import { ROUTE_PROTOCOL } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/**
 * Numbers of our routes to other nodes by their link: as many as {@link listPeerRoutes} tells, at a fraction
 * of its cost.
 */
export async function countPeers(rtnetlink: NetlinkClient): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  for (const family of FAMILIES) {
    const filter = { table: RT_TABLE_MAIN, protocol: ROUTE_PROTOCOL, family };
    for (const payload of await rtnetlink.dump(dumpRoutes(filter))) {
      const { prefixLength, type, hasGateway, linkIndex } = readRouteOutline(payload);
      // A route to a gateway: only addresses tell whose it is, and whose the routes through it are.
      if (!hasGateway && prefixLength === addressBits(family)) return await countWhole(rtnetlink);
      if (hasGateway && prefixLength > 0 && type === RTN_UNICAST && linkIndex > 0)
        counts.set(linkIndex, (counts.get(linkIndex) ?? 0) + 1);
    }
  }
  return counts;
}

async function countWhole(rtnetlink: NetlinkClient): Promise<ReadonlyMap<number, number>> {
  const byLink = Map.groupBy(await listPeerRoutes(rtnetlink), ({ linkIndex = 0 }) => linkIndex);
  return new Map([...byLink].map(([linkIndex, routes]) => [linkIndex, routes.length]));
}
