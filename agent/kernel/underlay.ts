import { cidrOf } from "../net/cidr.ts";
import type { ObservedAddress } from "../netlink/address.ts";
import { RT_TABLE_MAIN } from "../netlink/constants.ts";
import { dumpLinks, setLink } from "../netlink/link.ts";
import { type Link, parseLink } from "../netlink/parse-link.ts";
import { dumpRoutes, parseRoute, type Route } from "../netlink/route.ts";
import { SERVICE_LINK, sortSubnets, type Underlay } from "../plan/underlay.ts";
import { listAddresses } from "./ensure-bridge.ts";
import { isOurs } from "./ownership.ts";
import type { Rtnetlink } from "./rtnetlink.ts";
import { readNameServers, surroundingsOf } from "./surroundings.ts";

/** Underlay, and the indices of its uplinks. */
export interface ObservedUnderlay extends Underlay {
  readonly uplinkIndices: ReadonlySet<number>;
}

/** How the node with these addresses is connected to others. */
export async function observeUnderlay(
  rtnetlink: Rtnetlink,
  ownAddresses: readonly string[],
): Promise<ObservedUnderlay> {
  const [links, addresses, routes, nameServers] = await Promise.all([
    listLinks(rtnetlink),
    listAddresses(rtnetlink),
    Promise.all([listDefaultRoutes(rtnetlink, 4), listDefaultRoutes(rtnetlink, 6)]),
    readNameServers(),
  ]);
  const defaults = routes.flat();
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const own = addresses.filter(({ address }) => ownAddresses.includes(address));
  const isReal = (index: number): boolean => byIndex.get(index)?.name !== LOOPBACK;
  const routed = defaults.flatMap(({ linkIndex }) => linkIndex ?? []);
  const indices = [...own.map(({ linkIndex }) => linkIndex).filter(isReal), ...routed];
  const uplinks = [...new Set(indices)].flatMap((index) => byIndex.get(index) ?? []);
  return {
    uplinks: uplinks.map(({ name, mtu }) => ({ name, mtu })),
    serviceAddresses: addresses
      .filter(({ linkIndex }) => byIndex.get(linkIndex)?.name === SERVICE_LINK)
      .map(({ address }) => address),
    uplinkIndices: new Set(uplinks.map(({ index }) => index)),
    subnets: sortSubnets(addresses.flatMap((address) => subnetOf(address, byIndex.get(address.linkIndex)))),
    addresses: new Map(
      own.flatMap(({ address, linkIndex }) => {
        const mtu = mtuOf(byIndex.get(linkIndex), uplinks);
        return mtu === undefined ? [] : [[address, mtu]];
      }),
    ),
    surroundings: surroundingsOf({
      links,
      addresses,
      gateways: defaults.flatMap(({ gateway }) => gateway ?? []),
      nameServers,
    }),
  };
}

const LOOPBACK = "lo";

function subnetOf({ address, prefixLength, linkIndex, scope }: ObservedAddress, link: Link | undefined) {
  if (link?.up !== true || isOurs(link) || scope !== "global") return [];
  return [{ cidr: cidrOf(address, prefixLength), linkIndex }];
}

/** An address on the loopback, as nodes that speak BGP have it, is reached through the links of the default routes. */
function mtuOf(link: Link | undefined, uplinks: readonly Link[]): number | undefined {
  if (link?.up !== true) return undefined;
  if (link.name !== LOOPBACK) return link.mtu;
  return uplinks.length === 0 ? undefined : Math.min(...uplinks.map(({ mtu }) => mtu));
}

export async function listLinks(rtnetlink: Rtnetlink): Promise<Link[]> {
  return (await rtnetlink.dump(dumpLinks())).map(parseLink);
}

async function listDefaultRoutes(rtnetlink: Rtnetlink, family: 4 | 6): Promise<Route[]> {
  const routes = (await rtnetlink.dump(dumpRoutes({ family, table: RT_TABLE_MAIN }))).map(parseRoute);
  return routes.filter(({ destination }) => destination.prefixLength === 0);
}

/**
 * Lets the uplinks forward IPv4: by netlink, which needs no writable /proc/sys. A link that is gone meanwhile is no uplink any more. Gives the
 * names of those that did not forward.
 */
export async function ensureForwarding(
  rtnetlink: Rtnetlink,
  names: readonly string[],
): Promise<readonly string[]> {
  const links = await listLinks(rtnetlink);
  const closed = links.filter(({ name, inetConf }) => names.includes(name) && inetConf?.forwarding === 0);
  if (closed.length === 0) return [];
  await rtnetlink.execute([
    { requests: closed.map(({ index }) => setLink(index, { inetConf: { forwarding: 1 } })) },
  ]);
  return closed.map(({ name }) => name);
}
