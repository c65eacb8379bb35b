import { WIREGUARD_DEVICE } from "../../plan/encryption/plan-device.ts";
import type { RememberedPeer } from "../../plan/peers/overlay-nodes.ts";
import { observePeers } from "./observe-peers.ts";
import { isOurs } from "../link/ownership.ts";
import { fdbKey, neighbourKey } from "./peer-entries.ts";
import { findLink } from "../socket/read-one.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { listLinks } from "../uplink/underlay.ts";

/**
 * Our routes to other nodes, with the address of the node: the gateway, or where the VXLAN device sends what
 * is for the gateway's MAC.
 */
export async function listPeers(rtnetlink: NetlinkClient): Promise<readonly RememberedPeer[]> {
  const links = await listLinks(rtnetlink, { kind: "vxlan" });
  // By name: a kernel that has not loaded WireGuard answers a dump of that kind with all links.
  const wireguard = (await findLink(rtnetlink, WIREGUARD_DEVICE))?.index;
  const tunnels = links.filter((link) => link.kind === "vxlan" && isOurs(link)).map(({ index }) => index);
  const { routes, neighbours, fdb } = await observePeers(rtnetlink, tunnels);
  return [...routes.values()].map(({ destination, gateway, linkIndex }) => {
    if (gateway === undefined || linkIndex === undefined) return { destination, node: undefined };
    if (linkIndex === wireguard) return { destination, node: undefined };
    if (!tunnels.includes(linkIndex)) return { destination, node: gateway };
    const mac = neighbours.get(neighbourKey({ linkIndex, address: gateway }))?.mac;
    const entry = mac === undefined ? undefined : fdb.get(fdbKey({ linkIndex, mac }));
    return { destination, node: entry?.destination };
  });
}
