import type { OverlayRoute } from "../../diagnosis/checks/check-peers.ts";
import { listPeerRoutes } from "../../kernel/peer/observe-peers.ts";
import { listFdb, listNeighbours } from "../../kernel/link/list-neighbours.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { createUnderlayObserver } from "../../kernel/uplink/underlay.ts";
import { formatCidr } from "../../net/cidr.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import type { Route } from "../../netlink/route/route.ts";
import type { Datapath, Tunnel } from "../../kernel/read/observe-datapath.ts";

/** How this node is connected to others, and what it has to reach each of them. */
export interface ConnectionObservation {
  /** Links of the node's addresses, and of the kernel's routes to other nodes and out of the cluster. */
  readonly uplinks: readonly Link[];
  /**
   * Largest packet that every route from the node's addresses takes, as the agent counts; undefined where
   * none of them is known.
   */
  readonly carries: number | undefined;
  /** Addresses of nodes with a plain route, by the index of the link. */
  readonly direct: ReadonlyMap<string, number>;
  /** Number of plain routes. */
  readonly directRoutes: number;
  /** Number of routes through the WireGuard device. */
  readonly encryptedRoutes: number;
  readonly overlays: readonly OverlayRoute[];
}

/**
 * Reads our routes, two dumps of each VXLAN device, and the kernel's routes to other nodes. `nodeAddresses`:
 * as the agent knows them.
 */
export async function observeConnections(
  rtnetlink: NetlinkClient,
  node: Datapath,
  nodeAddresses: readonly string[],
): Promise<ConnectionObservation> {
  const routes = await listPeerRoutes(rtnetlink);
  const ours = routes.filter(({ linkIndex }) => linkIndex !== node.wireguard?.index);
  const tunnelled = new Set(node.tunnels.map(({ index }) => index));
  const plain = ours.filter(({ linkIndex }) => linkIndex !== undefined && !tunnelled.has(linkIndex));
  const direct = new Map(
    plain.flatMap(({ gateway, linkIndex }) =>
      gateway === undefined || linkIndex === undefined ? [] : [[gateway, linkIndex]],
    ),
  );
  const tunnels = node.tunnels.map((tunnel) => observeTunnel(rtnetlink, tunnel, ours));
  const overlays = (await Promise.all(tunnels)).flat();
  const own = [...nodeAddresses, ...node.tunnels.flatMap(({ vxlan }) => vxlan?.local ?? [])];
  const others = new Set([...direct.keys(), ...overlays.flatMap(({ remote }) => remote ?? [])]);
  const { uplinks, addresses } = await createUnderlayObserver(rtnetlink).observe(own, [...others], "all");
  const names = new Set(uplinks.map(({ name }) => name));
  const used = new Set(direct.values());
  return {
    uplinks: node.links.filter(({ name, index }) => names.has(name) || used.has(index)),
    carries: addresses.size === 0 ? undefined : Math.min(...addresses.values()),
    direct,
    directRoutes: plain.length,
    encryptedRoutes: routes.length - ours.length,
    overlays,
  };
}

async function observeTunnel(
  rtnetlink: NetlinkClient,
  { index: linkIndex, name }: Tunnel,
  routes: readonly Route[],
): Promise<readonly OverlayRoute[]> {
  const [neighbours, entries] = await Promise.all([
    listNeighbours(rtnetlink, linkIndex),
    listFdb(rtnetlink, { linkIndex }),
  ]);
  const macs = new Map(neighbours.map(({ address, mac }) => [address, mac]));
  const remotes = new Map(entries.map(({ mac, destination }) => [mac, destination]));
  return routes.flatMap(({ destination, gateway, linkIndex: via }) => {
    if (via !== linkIndex || gateway === undefined) return [];
    const mac = macs.get(gateway);
    const remote = mac === undefined ? undefined : remotes.get(mac);
    return [{ podCidr: formatCidr(destination), device: name, gateway, mac, remote }];
  });
}
