import { type Cidr, cidrOf } from "../../net/cidr.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { countPeers } from "../peer/count-peers.ts";
import { isWide, listPodGateways } from "../node/ensure-gateways.ts";
import { observePeers } from "../peer/observe-peers.ts";
import type { PodLink } from "../types.ts";
import type { Native } from "../socket/native.ts";
import { isHostLink, isOwnBridge, TUNNEL_ALIAS, WIREGUARD_ALIAS } from "../link/ownership.ts";
import { fdbKey, neighbourKey } from "../peer/peer-entries.ts";
import { listPodLinks } from "../pod/pod-links.ts";
import { createNetlinkClient, type NetlinkClient } from "../socket/netlink-client.ts";
import { listLinks } from "../uplink/underlay.ts";

/** A route of ours to another node's pods. */
export interface ObservedPeer {
  readonly podCIDR: string;
  readonly route: "encrypted" | "direct" | "overlay";
  /** The node's address; undefined when an entry that tells it is missing, and of an encrypted route. */
  readonly via: string | undefined;
}

/** What the kernel alone tells of a node. */
export interface ObservedNode {
  /** Undefined when there is none. */
  readonly bridge: Pick<Link, "name" | "mtu" | "up"> | undefined;
  /** PodCIDRs of this node that new pods get addresses from. */
  readonly podCidrs: readonly Cidr[];
  readonly pods: readonly PodLink[];
  /** Numbers of routes to other nodes' pods. */
  readonly peerCounts: Readonly<Record<ObservedPeer["route"], number>>;
  /** Each of them, where that was asked for: to read thousands takes as long as all the rest. */
  readonly peers: readonly ObservedPeer[];
}

/**
 * Reads everything of ours in this network namespace: needs no agent, no configuration and no capability, and
 * changes nothing.
 */
export async function observeNode(native: Native, options: { listPeers: boolean }): Promise<ObservedNode> {
  const rtnetlink = createNetlinkClient(native);
  try {
    const links = await listLinks(rtnetlink);
    const bridge = links.find(isOwnBridge);
    const tunnels = links.filter(({ kind, alias }) => kind === "vxlan" && alias === TUNNEL_ALIAS);
    const devices: Devices = {
      tunnels: tunnels.map(({ index }) => index),
      wireguard: links.find(({ kind, alias }) => kind === "wireguard" && alias === WIREGUARD_ALIAS)?.index,
    };
    return {
      bridge,
      podCidrs: bridge === undefined ? [] : await listPodCidrs(rtnetlink, bridge.index),
      pods: await listPodLinks(rtnetlink, links.filter(isHostLink)),
      peerCounts: countByRoute(await countPeers(rtnetlink), devices),
      peers: options.listPeers ? await listPeers(rtnetlink, devices) : [],
    };
  } finally {
    rtnetlink.close();
  }
}

async function listPodCidrs(rtnetlink: NetlinkClient, linkIndex: number): Promise<readonly Cidr[]> {
  return (await listPodGateways(rtnetlink, linkIndex))
    .filter((gateway) => isWide(gateway) && !gateway.deprecated)
    .map(({ address, prefixLength }) => cidrOf(address, prefixLength));
}

/** Indices of the links that routes to other nodes go through, besides uplinks. */
interface Devices {
  readonly tunnels: readonly number[];
  readonly wireguard: number | undefined;
}

function kindOf(linkIndex: number, { tunnels, wireguard }: Devices): ObservedPeer["route"] {
  if (linkIndex === wireguard) return "encrypted";
  return tunnels.includes(linkIndex) ? "overlay" : "direct";
}

function countByRoute(counts: ReadonlyMap<number, number>, devices: Devices): ObservedNode["peerCounts"] {
  const sum = { encrypted: 0, direct: 0, overlay: 0 };
  for (const [linkIndex, count] of counts) sum[kindOf(linkIndex, devices)] += count;
  return sum;
}

async function listPeers(rtnetlink: NetlinkClient, devices: Devices): Promise<readonly ObservedPeer[]> {
  const { routes, neighbours, fdb } = await observePeers(rtnetlink, devices.tunnels);
  return [...routes].map(([podCIDR, { gateway, linkIndex }]) => {
    if (gateway === undefined || linkIndex === undefined) return { podCIDR, route: "direct", via: gateway };
    const route = kindOf(linkIndex, devices);
    if (route !== "overlay") return { podCIDR, route, via: route === "direct" ? gateway : undefined };
    const mac = neighbours.get(neighbourKey({ linkIndex, address: gateway }))?.mac ?? "";
    return { podCIDR, route: "overlay", via: fdb.get(fdbKey({ linkIndex, mac }))?.destination };
  });
}
