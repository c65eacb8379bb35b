import { addressAt, type Cidr, cidrOf, hostCidr } from "../../net/cidr.ts";
import { RT_TABLE_LOCAL, RTN_LOCAL, RTN_UNREACHABLE } from "../../netlink/constants.ts";
import type { Route, RouteSpec } from "../../netlink/route/route.ts";
import type { GatewayAddress } from "../../plan/node/node-network.ts";

/**
 * Worse than any route that somebody makes on purpose, and than the one that an address with the length of
 * its PodCIDR brings along.
 */
const LAST_METRIC = 1_000_000;

/**
 * The routes of one PodCIDR of this node, whose gateway is an address without neighbours (/32, /128):
 *
 * - the PodCIDR itself is unreachable: what no pod has is asked for nowhere, and who sends to it is told at
 *   once;
 * - an IPv6 gateway is local by a route too. A link cannot have one IPv6 address with two lengths, so a
 *   release that wants another length takes the address away before it gives it back: whoever talks to the
 *   gateway meanwhile loses nothing.
 */
export function gatewayRoutes(
  { family, address, prefixLength }: GatewayAddress,
  { linkIndex, protocol }: { readonly linkIndex: number; readonly protocol: number },
): readonly RouteSpec[] {
  const common = { protocol, metric: LAST_METRIC };
  const unreachable = { ...common, destination: cidrOf(address, prefixLength), type: RTN_UNREACHABLE };
  if (family === 4) return [unreachable];
  const destination = hostCidr(address);
  return [unreachable, { ...common, destination, linkIndex, table: RT_TABLE_LOCAL, type: RTN_LOCAL }];
}

/** Whether a route of our number has the shape of one of {@link gatewayRoutes}. */
export function isGatewayRoute({ type, metric }: Route): boolean {
  return metric === LAST_METRIC && (type === RTN_UNREACHABLE || type === RTN_LOCAL);
}

/**
 * The PodCIDR of a gateway, by the routes of our number: its address alone does not tell how long the prefix
 * is.
 */
export function podCidrOf(gateway: string, routes: readonly Route[]): Cidr | undefined {
  const own = routes.filter((route) => isGatewayRoute(route) && route.type === RTN_UNREACHABLE);
  return own.find(({ destination }) => addressAt(destination, 1n) === gateway)?.destination;
}
