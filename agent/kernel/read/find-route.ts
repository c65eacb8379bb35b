import { getRoute, parseRoute, type Route } from "../../netlink/route/route.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { readOne } from "../socket/read-one.ts";

/** The route that the host's own packets to an address take; undefined when there is none. */
export async function findRoute(rtnetlink: NetlinkClient, destination: string): Promise<Route | undefined> {
  return readOne(rtnetlink, getRoute({ destination }), parseRoute).catch(() => undefined);
}
