import { listPodGateways, type PodGateway } from "../node/ensure-gateways.ts";
import { listAddresses } from "../link/list-addresses.ts";
import { isHostLink, isOurs, isOwnBridge } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { listLinks } from "../uplink/underlay.ts";
import { type Family, familyOf } from "../../net/address.ts";
import { NEXT_DEVICE } from "../../plan/encryption/plan-device.ts";
import type { ObservedAddress } from "../../netlink/route/address.ts";
import type { Link } from "../../netlink/link/parse-link.ts";

/** A VXLAN device of ours, by the family of its outer packets. */
export interface Tunnel extends Link {
  readonly underlay: Family;
}

/**
 * What the kernel has of Causeway on this node: found by marks on the things themselves, so that no setting
 * has to be known.
 */
export interface Datapath {
  readonly links: readonly Link[];
  readonly addresses: readonly ObservedAddress[];
  readonly bridge: Link | undefined;
  /** Addresses of the bridge, with the lengths of their PodCIDRs. */
  readonly gateways: readonly PodGateway[];
  /** Families of this node's PodCIDRs. */
  readonly families: readonly Family[];
  readonly hostLinks: readonly Link[];
  readonly tunnels: readonly Tunnel[];
  /** The device that encrypts what goes to other nodes. */
  readonly wireguard: Link | undefined;
  /** VXLAN devices of others. */
  readonly foreignTunnels: readonly Link[];
}

export async function observeDatapath(rtnetlink: NetlinkClient): Promise<Datapath> {
  const [links, addresses] = await Promise.all([listLinks(rtnetlink), listAddresses(rtnetlink)]);
  const bridge = links.find(isOwnBridge);
  const devices = links.filter(({ kind }) => kind === "vxlan");
  const gateways = bridge === undefined ? [] : await listPodGateways(rtnetlink, bridge.index);
  return {
    links,
    addresses,
    bridge,
    gateways,
    families: [...new Set(gateways.map(({ address }) => familyOf(address)))],
    hostLinks: links.filter(isHostLink),
    tunnels: devices.filter(isOurs).map(tunnelOf),
    wireguard: links.find((link) => link.kind === "wireguard" && isOurs(link) && link.name !== NEXT_DEVICE),
    foreignTunnels: devices.filter((link) => !isOurs(link)),
  };
}

function tunnelOf(link: Link): Tunnel {
  const local = link.vxlan?.local;
  return { ...link, underlay: local === undefined ? 4 : familyOf(local) };
}
