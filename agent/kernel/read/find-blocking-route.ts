import { POD_ROUTE_PROTOCOL } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { familyOf } from "../../net/address.ts";
import { cidrContains, formatCidr } from "../../net/cidr.ts";
import { RT_TABLE_MAIN } from "../../netlink/constants.ts";
import { dumpRoutes, parseRoute } from "../../netlink/route/route.ts";

/** Types of routes that lead nowhere, as ip(8) calls them (RTN_* of linux/rtnetlink.h). */
const NOWHERE: ReadonlyMap<number, string> = new Map([
  [6, "blackhole"],
  [7, "unreachable"],
  [8, "prohibit"],
]);

/**
 * The entry of the main table that decides about an address, as `blackhole 192.0.2.0/24`, if it leads nowhere
 * and is not ours, which an agent would put back. The kernel itself, asked for the route, answers with an
 * error instead.
 */
export async function findBlockingRoute(
  rtnetlink: NetlinkClient,
  address: string,
): Promise<string | undefined> {
  const filter = { family: familyOf(address), table: RT_TABLE_MAIN };
  const dumps = [...NOWHERE.keys()].map((type) => rtnetlink.dump(dumpRoutes({ ...filter, type })));
  const [best] = (await Promise.all(dumps))
    .flat()
    .map(parseRoute)
    .filter(({ destination }) => cidrContains(destination, address))
    .toSorted((a, b) => b.destination.prefixLength - a.destination.prefixLength);
  const type = best && NOWHERE.get(best.type);
  if (best?.protocol === POD_ROUTE_PROTOCOL) return undefined;
  return best === undefined || type === undefined ? undefined : `${type} ${formatCidr(best.destination)}`;
}
