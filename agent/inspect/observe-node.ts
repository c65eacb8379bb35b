import { listAddresses } from "../kernel/ensure-bridge.ts";
import { listPeerRoutes } from "../kernel/ensure-peers.ts";
import { isHostLink, isOurs } from "../kernel/ownership.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { listLinks, observeUnderlay } from "../kernel/underlay.ts";
import { type Family, familyOf } from "../net/address.ts";
import type { ObservedAddress } from "../netlink/address.ts";
import type { Link } from "../netlink/parse-link.ts";
import type { Route } from "../netlink/route.ts";

/** A VXLAN device of ours, by the family of its outer packets. */
export interface Tunnel extends Link {
  readonly underlay: Family;
}

/** What the kernel has of Causeway and around it: found by marks on the things themselves, so that no setting has to be known. */
export interface NodeObservation {
  readonly links: readonly Link[];
  readonly bridge: Link | undefined;
  /** Addresses of the bridge. */
  readonly gateways: readonly ObservedAddress[];
  /** Families of this node's PodCIDRs. */
  readonly families: readonly Family[];
  readonly hostLinks: readonly Link[];
  readonly tunnels: readonly Tunnel[];
  /** VXLAN devices of others. */
  readonly foreignTunnels: readonly Link[];
  /** Links of the node's addresses, of default routes, and of routes to other nodes. */
  readonly uplinks: readonly Link[];
  /** Routes to other nodes. */
  readonly routes: readonly Route[];
}

/** `nodeAddresses`: as the agent knows them; those of VXLAN devices are found without. */
export async function observeNode(
  rtnetlink: Rtnetlink,
  nodeAddresses: readonly string[],
): Promise<NodeObservation> {
  const [links, routes] = await Promise.all([listLinks(rtnetlink), listPeerRoutes(rtnetlink)]);
  const bridge = links.find((link) => link.kind === "bridge" && isOurs(link));
  const devices = links.filter(({ kind }) => kind === "vxlan");
  const tunnels = devices.filter(isOurs).map(tunnelOf);
  const own = [...nodeAddresses, ...tunnels.flatMap(({ vxlan }) => vxlan?.local ?? [])];
  const { uplinks } = await observeUnderlay(rtnetlink, own);
  const addresses = bridge === undefined ? [] : await listAddresses(rtnetlink, bridge.index);
  const gateways = addresses.filter(({ scope }) => scope === "global");
  const notUplinks = new Set([bridge, ...tunnels].map((link) => link?.index));
  const carrying = new Set(
    routes.map(({ linkIndex }) => linkIndex).filter((index) => !notUplinks.has(index)),
  );
  return {
    links,
    bridge,
    gateways,
    families: [...new Set(gateways.map(({ address }) => familyOf(address)))],
    hostLinks: links.filter(isHostLink),
    tunnels,
    foreignTunnels: devices.filter((link) => !isOurs(link)),
    uplinks: links.filter(
      ({ index, name }) => carrying.has(index) || uplinks.some((uplink) => uplink.name === name),
    ),
    routes,
  };
}

function tunnelOf(link: Link): Tunnel {
  const local = link.vxlan?.local;
  return { ...link, underlay: local === undefined ? 4 : familyOf(local) };
}
