import { addressBits } from "../../net/cidr.ts";
import { RT_TABLE_MAIN, RTN_UNICAST } from "../../netlink/constants.ts";
import type { Route } from "../../netlink/route/route.ts";
import { ROUTE_PROTOCOL } from "../link/ownership.ts";

/**
 * Whether a route has the shape of those that we make to other nodes: of our protocol, in the main table, to
 * a prefix that is not everything, through a gateway. Our routes to this node's pods have no gateway.
 */
export function isPeerRoute(route: Route): boolean {
  const { destination, gateway, linkIndex, protocol, table, type } = route;
  if (protocol !== ROUTE_PROTOCOL || table !== RT_TABLE_MAIN || type !== RTN_UNICAST) return false;
  return destination.prefixLength > 0 && gateway !== undefined && linkIndex !== undefined;
}

/**
 * The routes to other nodes among those of our protocol. A node may itself be a pod of another one, whose
 * agent has marked the pod's routes with the same protocol: those lead to a gateway that has a host route of
 * its own, which no gateway of ours has (rootless-containers/usernetes#391).
 */
export function selectPeerRoutes(routes: readonly Route[]): readonly Route[] {
  const gateways = new Set(
    routes.filter(isHostRoute).map(({ destination, linkIndex }) => `${destination.base} ${linkIndex}`),
  );
  return routes.filter((route) => isPeerRoute(route) && !gateways.has(`${route.gateway} ${route.linkIndex}`));
}

function isHostRoute({ destination, gateway }: Route): boolean {
  return gateway === undefined && destination.prefixLength === addressBits(destination.family);
}
