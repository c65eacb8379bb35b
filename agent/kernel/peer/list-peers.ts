import { getLink } from "../../netlink/link/link.ts";
import { parseLink } from "../../netlink/link/parse-link.ts";
import type { RememberedPeer } from "../../plan/peers/overlay-nodes.ts";
import { isOurs } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { readOne } from "../socket/read-one.ts";
import { listPeerRoutes, observeTunnels } from "./observe-peers.ts";
import { fdbKey, neighbourKey } from "./peer-entries.ts";

/**
 * Our routes to other nodes, with the address of the node: the gateway, or where the VXLAN device sends what
 * is for the gateway's MAC. The links that routes lead through are asked for one by one: a dump of links by
 * kind gives all links where the kernel has not loaded the kind's driver.
 */
export async function listPeers(rtnetlink: NetlinkClient): Promise<readonly RememberedPeer[]> {
  const routes = await listPeerRoutes(rtnetlink);
  const indices = new Set(routes.flatMap(({ linkIndex }) => linkIndex ?? []));
  const links = await Promise.all([...indices].map((index) => readOne(rtnetlink, getLink(index), parseLink)));
  const kinds = new Map(
    links.flatMap((link) => (link !== undefined && isOurs(link) ? [[link.index, link.kind]] : [])),
  );
  const tunnels = [...kinds].flatMap(([index, kind]) => (kind === "vxlan" ? [index] : []));
  const { neighbours, fdb } = await observeTunnels(rtnetlink, tunnels);
  return routes.map(({ destination, gateway, linkIndex }) => {
    if (gateway === undefined || linkIndex === undefined) return { destination, node: undefined };
    const kind = kinds.get(linkIndex);
    if (kind === "wireguard") return { destination, node: undefined };
    if (kind !== "vxlan") return { destination, node: gateway };
    const mac = neighbours.get(neighbourKey({ linkIndex, address: gateway }))?.mac;
    const entry = mac === undefined ? undefined : fdb.get(fdbKey({ linkIndex, mac }));
    return { destination, node: entry?.destination };
  });
}
