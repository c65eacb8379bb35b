import { release } from "node:os";
import { LINK_GROUP } from "../../net/host-link.ts";
import { getFamily, parseFamily } from "../../netlink/generic/generic-family.ts";
import { disableFeature } from "../../netlink/link/ethtool.ts";
import type { InetConf } from "../../netlink/link/inet-conf.ts";
import { deleteLink } from "../../netlink/link/link.ts";
import { isNotSupported } from "../../netlink/message/netlink-error.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { createVxlan } from "../../netlink/link/vxlan.ts";
import { describeMissing, VXLAN_FEATURE } from "../../plan/node/kernel-features.ts";
import type { TunnelPlan } from "../../plan/peers/peers.ts";
import { changeLink, diffRoutedLink, existingLink } from "../link/change-link.ts";
import { ensureHostAddresses } from "../link/ensure-host-addresses.ts";
import { isOurs, TUNNEL_ALIAS } from "../link/ownership.ts";
import { findLink, readOne } from "../socket/read-one.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

export interface TunnelSockets {
  readonly rtnetlink: NetlinkClient;
  /** For NETLINK_GENERIC. */
  readonly generic: NetlinkClient;
}

export interface EnsuredTunnel {
  readonly index: number;
  /** What was not as planned, in words. */
  readonly changes: readonly string[];
}

/**
 * Nobody asks in the overlay who has an address, and whoever is answered is remembered as a neighbour: with 8
 * nobody is (arp_process of net/ipv4/arp.c).
 */
const SILENT_CONF: InetConf = { arp_ignore: 8 };

/**
 * Offload that some network cards and drivers get wrong for packets inside VXLAN (projectcalico/calico#3145).
 */
const TX_CHECKSUM = "tx-checksum-ip-generic";

/** The kernel has no VXLAN. Nodes that are reached without it do not need the device. */
export class VxlanMissingError extends Error {
  override readonly name = "VxlanMissingError";
  readonly code = "VXLAN_MISSING";

  constructor(device: string, cause: unknown) {
    const missing = describeMissing(release(), [VXLAN_FEATURE]);
    super(`Cannot create VXLAN device "${device}": ${missing}; without it, set --overlay never`, { cause });
  }
}

/**
 * Makes a VXLAN device as planned. One that differs in what cannot be changed is made anew: its entries go
 * with it.
 */
export async function ensureTunnel(sockets: TunnelSockets, plan: TunnelPlan): Promise<EnsuredTunnel> {
  const { rtnetlink } = sockets;
  const changes: string[] = [];
  let link = await findLink(rtnetlink, plan.name);
  if (link !== undefined && !isOurs(link)) {
    const cause = "a link of that name exists that the agent did not create; remove it or set --vxlan-device";
    throw new Error(`Cannot use VXLAN device "${plan.name}": ${cause}`);
  }
  if (link !== undefined && !isSameTunnel(plan, link)) {
    changes.push(`VXLAN device "${plan.name}" has different settings`);
    await rtnetlink.execute([{ requests: [deleteLink(link.index)] }]);
    link = undefined;
  } else if (link === undefined) changes.push(`VXLAN device "${plan.name}" is missing`);
  link ??= await makeTunnel(rtnetlink, plan);
  const { mac, mtu } = plan;
  const { changed } = await changeLink(rtnetlink, link, (current) =>
    diffRoutedLink({ alias: TUNNEL_ALIAS, mac, mtu, conf: SILENT_CONF }, current),
  );
  if (changes.length === 0 && changed.length > 0)
    changes.push(`VXLAN device "${plan.name}" has an unexpected ${changed.join(", ")}`);
  const device = `VXLAN device "${plan.name}"`;
  const { addresses } = plan;
  changes.push(...(await ensureHostAddresses(rtnetlink, { device, linkIndex: link.index, addresses })));
  if (!plan.txChecksum) await disableTxChecksum(sockets.generic, link.index);
  return { index: link.index, changes };
}

function isSameTunnel({ vni, port, local }: TunnelPlan, { vxlan }: Link): boolean {
  return vxlan?.vni === vni && vxlan.port === port && vxlan.local === local && !vxlan.learning;
}

async function makeTunnel(rtnetlink: NetlinkClient, plan: TunnelPlan): Promise<Link> {
  const { name, mac, mtu, vni, port, local } = plan;
  try {
    await rtnetlink.execute([
      { requests: [createVxlan({ name, mac, mtu, vni, port, local, learning: false, group: LINK_GROUP })] },
    ]);
  } catch (error) {
    throw isNotSupported(error) ? new VxlanMissingError(name, error) : error;
  }
  return existingLink(rtnetlink, name);
}

async function disableTxChecksum(generic: NetlinkClient, linkIndex: number): Promise<void> {
  const family = await readOne(generic, getFamily("ethtool"), parseFamily);
  if (family === undefined)
    throw new Error('Cannot turn checksum offload off: this kernel has no generic netlink family "ethtool"');
  await generic.execute([{ requests: [disableFeature(family, linkIndex, TX_CHECKSUM)] }]);
}

/** Deletes a device of ours that nobody needs any more; gives whether there was one. */
export async function removeTunnel(rtnetlink: NetlinkClient, name: string): Promise<boolean> {
  const link = await findLink(rtnetlink, name);
  if (link?.kind !== "vxlan" || !isOurs(link)) return false;
  await rtnetlink.execute([{ requests: [deleteLink(link.index)] }]);
  return true;
}
