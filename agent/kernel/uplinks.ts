import { dumpLinks, setLink } from "../netlink/link.ts";
import { type Link, parseLink } from "../netlink/parse-link.ts";
import { dumpRoutes, parseRoute } from "../netlink/route.ts";
import { RT_TABLE_MAIN } from "../netlink/constants.ts";
import { listAddresses } from "./ensure-bridge.ts";
import type { Uplink } from "./kernel.ts";
import type { Rtnetlink } from "./rtnetlink.ts";

/** The links that carry the node's addresses, first those, and the links of its default routes. */
export async function findUplinks(
  rtnetlink: Rtnetlink,
  addresses: readonly string[],
): Promise<readonly Uplink[]> {
  const [links, carrying, routed] = await Promise.all([
    listLinks(rtnetlink),
    listAddresses(rtnetlink),
    Promise.all([listDefaultLinks(rtnetlink, 4), listDefaultLinks(rtnetlink, 6)]),
  ]);
  const own = carrying.filter(({ address }) => addresses.includes(address)).map(({ linkIndex }) => linkIndex);
  const indices = new Set([...own, ...routed.flat()]);
  return [...indices].flatMap((index) => {
    const link = links.find((candidate) => candidate.index === index);
    return link === undefined ? [] : [{ name: link.name, mtu: link.mtu }];
  });
}

export async function listLinks(rtnetlink: Rtnetlink): Promise<Link[]> {
  return (await rtnetlink.dump(dumpLinks())).map(parseLink);
}

async function listDefaultLinks(rtnetlink: Rtnetlink, family: 4 | 6): Promise<number[]> {
  const routes = (await rtnetlink.dump(dumpRoutes({ family, table: RT_TABLE_MAIN }))).map(parseRoute);
  return routes.flatMap(({ destination, linkIndex }) =>
    destination.prefixLength === 0 && linkIndex !== undefined ? [linkIndex] : [],
  );
}

/** Lets the uplinks forward IPv4: by netlink, which needs no writable /proc/sys. A link that is gone meanwhile is no uplink any more. */
export async function ensureForwarding(rtnetlink: Rtnetlink, names: readonly string[]): Promise<void> {
  const links = await listLinks(rtnetlink);
  const closed = links.filter(({ name, inetConf }) => names.includes(name) && inetConf?.forwarding === 0);
  if (closed.length === 0) return;
  await rtnetlink.execute([
    { requests: closed.map(({ index }) => setLink(index, { inetConf: { forwarding: 1 } })) },
  ]);
}
