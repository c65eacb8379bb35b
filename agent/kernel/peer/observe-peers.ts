import type { Family } from "../../net/address.ts";
import { RT_TABLE_MAIN } from "../../netlink/constants.ts";
import {
  dumpFdb,
  dumpNeighbours,
  type FdbEntry,
  type Neighbour,
  parseFdbEntry,
  parseNeighbour,
} from "../../netlink/route/neighbour.ts";
import { dumpRoutes, parseRoute, type Route, type RouteSpec } from "../../netlink/route/route.ts";
import { FAMILIES } from "../../plan/peers/peer-routes.ts";
import { ROUTE_PROTOCOL } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { fdbKey, neighbourKey, type PeerEntries, routeKey } from "./peer-entries.ts";
import { selectPeerRoutes } from "./peer-shape.ts";

/** What is in the kernel, kept in step with each change. */
export interface KnownEntries extends PeerEntries {
  readonly routes: Map<string, RouteSpec>;
  readonly neighbours: Map<string, Neighbour>;
  readonly fdb: Map<string, FdbEntry>;
}

/**
 * Our routes to other nodes, by protocol and shape; and those of our protocol that are in the place of one:
 * whatever they are, they are ours.
 */
export async function listPeerRoutes(
  rtnetlink: NetlinkClient,
  isPlanned: (key: string) => boolean = () => false,
): Promise<readonly Route[]> {
  const filter = { table: RT_TABLE_MAIN, protocol: ROUTE_PROTOCOL };
  const routes: Route[] = [];
  for (const family of FAMILIES)
    for (const payload of await rtnetlink.dump(dumpRoutes({ ...filter, family })))
      routes.push(parseRoute(payload));
  return [...new Set([...selectPeerRoutes(routes), ...routes.filter((route) => isPlanned(routeKey(route)))])];
}

/** Our routes, and the permanent entries of the VXLAN devices with these indices. */
export async function observePeers(
  rtnetlink: NetlinkClient,
  tunnels: readonly number[],
  isPlanned?: (key: string) => boolean,
): Promise<KnownEntries> {
  const routes = new Map<string, RouteSpec>();
  for (const {
    type: _type,
    scope: _scope,
    nextHops: _hops,
    nextHopId: _id,
    ...route
  } of await listPeerRoutes(rtnetlink, isPlanned))
    routes.set(isOrdinary(route) ? routeKey(route) : `${routeKey(route)} ${route.metric}`, route);
  return { routes, ...(await observeTunnels(rtnetlink, tunnels)) };
}

/** The permanent entries of the VXLAN devices with these indices. */
export async function observeTunnels(
  rtnetlink: NetlinkClient,
  tunnels: readonly number[],
): Promise<Pick<KnownEntries, "neighbours" | "fdb">> {
  const neighbours = new Map<string, Neighbour>();
  const fdb = new Map<string, FdbEntry>();
  for (const linkIndex of tunnels) {
    for (const payload of await rtnetlink.dump(dumpNeighbours({ linkIndex }))) {
      const { permanent, mac, ...neighbour } = parseNeighbour(payload);
      if (permanent && mac !== undefined) neighbours.set(neighbourKey(neighbour), { ...neighbour, mac });
    }
    for (const payload of await rtnetlink.dump(dumpFdb({ linkIndex }))) {
      const entry = parseFdbEntry(payload);
      if (entry.fixed) fdb.set(fdbKey(entry), entry);
    }
  }
  return { neighbours, fdb };
}

/** The metric that the kernel gives a route without one (IP6_RT_PRIO_USER of linux/ipv6_route.h). */
const DEFAULT_METRIC: Readonly<Record<Family, number>> = { 4: 0, 6: 1024 };

/** One of another metric stands beside ours, and is none that we make. */
function isOrdinary({ destination, metric = 0 }: RouteSpec): boolean {
  return metric === DEFAULT_METRIC[destination.family];
}
