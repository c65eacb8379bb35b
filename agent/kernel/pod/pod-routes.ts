import { addressBits, hostCidr } from "../../net/cidr.ts";
import { RT_TABLE_MAIN, RTN_UNICAST } from "../../netlink/constants.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { deleteNeighbour } from "../../netlink/route/neighbour.ts";
import {
  deleteRoute,
  dumpRoutes,
  parseRoute,
  type Route,
  type RouteSpec,
} from "../../netlink/route/route.ts";
import { FAMILIES } from "../../plan/peers/peer-routes.ts";
import { POD_ROUTE_PROTOCOL } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/**
 * The way from the host to one address of a pod. Together with the permanent neighbour it lets the host reach
 * its pods without asking who has an address: of all that is on the bridge it knows these and no more.
 */
export function podRoute(bridgeIndex: number, address: string): RouteSpec {
  return {
    destination: hostCidr(address),
    linkIndex: bridgeIndex,
    scope: "link",
    protocol: POD_ROUTE_PROTOCOL,
  };
}

/**
 * Takes an address of a pod off the bridge. The route goes first: without it nobody asks the bridge who has
 * the address.
 */
export function addressRemovals(linkIndex: number, address: string): readonly NetlinkRequest[] {
  return [deleteRoute(podRoute(linkIndex, address)), deleteNeighbour({ linkIndex, address })];
}

/**
 * Whether a route has the shape that {@link podRoute} gives it: what only shares the number is somebody
 * else's.
 */
function isPodRoute(
  { destination, gateway, linkIndex, type, protocol }: Route,
  bridgeIndex: number,
): boolean {
  const isToOneAddress = destination.prefixLength === addressBits(destination.family);
  const isOnBridge = linkIndex === bridgeIndex && gateway === undefined;
  return protocol === POD_ROUTE_PROTOCOL && type === RTN_UNICAST && isToOneAddress && isOnBridge;
}

/** Routes of our number for this node's own: those to pods, and those of its PodCIDRs. */
export async function listOwnRoutes(
  rtnetlink: NetlinkClient,
  table = RT_TABLE_MAIN,
): Promise<readonly Route[]> {
  const filter = { table, protocol: POD_ROUTE_PROTOCOL };
  const routes: Route[] = [];
  for (const family of FAMILIES)
    for (const payload of await rtnetlink.dump(dumpRoutes({ ...filter, family })))
      routes.push(parseRoute(payload));
  return routes;
}

export async function listPodRoutes(
  rtnetlink: NetlinkClient,
  bridgeIndex: number,
): Promise<readonly Route[]> {
  return (await listOwnRoutes(rtnetlink)).filter((route) => isPodRoute(route, bridgeIndex));
}
