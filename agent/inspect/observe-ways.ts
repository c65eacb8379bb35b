import type { OverlayWay } from "../diagnosis/check-peers.ts";
import { ROUTE_PROTOCOL } from "../kernel/ownership.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { formatCidr } from "../net/cidr.ts";
import { RT_TABLE_MAIN } from "../netlink/constants.ts";
import { dumpFdb, dumpNeighbours, parseFdbEntry, parseNeighbour } from "../netlink/neighbour.ts";
import type { Link } from "../netlink/parse-link.ts";
import { dumpRoutes, parseRoute, type Route } from "../netlink/route.ts";
import { FAMILIES } from "../plan/peer-routes.ts";
import type { NodeObservation, Tunnel } from "./observe-node.ts";

/** How this node is connected to others, and what it has to reach each of them. */
export interface WaysObservation {
  /** Links of the node's addresses, of default routes, and of routes to other nodes. */
  readonly uplinks: readonly Link[];
  /** Addresses of nodes with a plain route, by the index of the link. */
  readonly direct: ReadonlyMap<string, number>;
  /** Number of plain routes. */
  readonly directRoutes: number;
  readonly overlays: readonly OverlayWay[];
}

/** Reads the main table once, and two dumps of each VXLAN device. `nodeAddresses`: as the agent knows them. */
export async function observeWays(
  rtnetlink: Rtnetlink,
  node: NodeObservation,
  nodeAddresses: readonly string[],
): Promise<WaysObservation> {
  const tables = await Promise.all(
    FAMILIES.map((family) => rtnetlink.dump(dumpRoutes({ family, table: RT_TABLE_MAIN }))),
  );
  const routes = tables.flat().map(parseRoute);
  const ours = routes.filter(({ protocol }) => protocol === ROUTE_PROTOCOL);
  const tunnelled = new Set(node.tunnels.map(({ index }) => index));
  const plain = ours.filter(({ linkIndex }) => linkIndex !== undefined && !tunnelled.has(linkIndex));
  const direct = new Map(
    plain.flatMap(({ gateway, linkIndex }) =>
      gateway === undefined || linkIndex === undefined ? [] : [[gateway, linkIndex]],
    ),
  );
  const overlays = await Promise.all(node.tunnels.map((tunnel) => observeTunnel(rtnetlink, tunnel, ours)));
  return {
    uplinks: findUplinks(node, nodeAddresses, [
      ...direct.values(),
      ...routes.flatMap(({ destination, linkIndex }) =>
        destination.prefixLength === 0 && linkIndex !== undefined ? [linkIndex] : [],
      ),
    ]),
    direct,
    directRoutes: plain.length,
    overlays: overlays.flat(),
  };
}

const LOOPBACK = "lo";

function findUplinks(
  { links, addresses, bridge, tunnels }: NodeObservation,
  nodeAddresses: readonly string[],
  carrying: readonly number[],
): readonly Link[] {
  const own = new Set([...nodeAddresses, ...tunnels.flatMap(({ vxlan }) => vxlan?.local ?? [])]);
  const indices = new Set(carrying);
  for (const { address, linkIndex } of addresses) if (own.has(address)) indices.add(linkIndex);
  const others = new Set([bridge, ...tunnels].map((link) => link?.index));
  return links.filter(({ index, name }) => indices.has(index) && !others.has(index) && name !== LOOPBACK);
}

async function observeTunnel(
  rtnetlink: Rtnetlink,
  { index: linkIndex, name }: Tunnel,
  routes: readonly Route[],
): Promise<readonly OverlayWay[]> {
  const [neighbours, entries] = await Promise.all([
    rtnetlink.dump(dumpNeighbours({ linkIndex })),
    rtnetlink.dump(dumpFdb({ linkIndex })),
  ]);
  const macs = new Map(neighbours.map(parseNeighbour).map(({ address, mac }) => [address, mac]));
  const remotes = new Map(entries.map(parseFdbEntry).map(({ mac, destination }) => [mac, destination]));
  return routes.flatMap(({ destination, gateway, linkIndex: via }) => {
    if (via !== linkIndex || gateway === undefined) return [];
    const mac = macs.get(gateway);
    const remote = mac === undefined ? undefined : remotes.get(mac);
    return [{ podCidr: formatCidr(destination), device: name, gateway, mac, remote }];
  });
}
