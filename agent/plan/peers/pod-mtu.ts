import type { Family } from "../../net/address.ts";
import { MIN_MTU, minMtu } from "../node/node-network.ts";
import { addressOf, type EncryptionType, type OverlayMode } from "./peer-routes.ts";
import { VXLAN_OVERHEAD } from "./peers.ts";
import type { Underlay } from "../node/underlay.ts";

/** MTU where no link tells one: Ethernet's. */
export const DEFAULT_MTU = 1500;

/**
 * What WireGuard puts around a pod's packet: the outer IP header, UDP, and header and tag of a data message
 * (WireGuard whitepaper, section 5.4.6).
 */
export const WIREGUARD_OVERHEAD: Readonly<Record<Family, number>> = { 4: 60, 6: 80 };

export interface PodMtuInput {
  /** As configured; 0 takes the uplink's. */
  readonly mtu: number;
  readonly overlay: OverlayMode;
  readonly encryption: EncryptionType;
  /** Of the node's PodCIDRs, former ones included. */
  readonly families: readonly Family[];
  /** Undefined while the node is not known. */
  readonly ownAddresses: readonly string[] | undefined;
  readonly underlay: Pick<Underlay, "uplinks" | "addresses">;
  /** As planned before, or as the bridge of an agent that ran before has it. */
  readonly before: number | undefined;
}

/**
 * MTU of pods: that of the link which carries the node's address, not of the one with the default route
 * (antrea-io/antrea#5868), less what WireGuard, or the overlay if it may be used, puts around a packet. A
 * node with an IPv6 address leaves room for an outer IPv6 header: some peer may have no IPv4, and no router
 * cuts IPv6 packets to the size of the peer's link. While the node's link is down, or the node is not known,
 * the MTU stays. It is never less than the pods' families need: what does not fit then is cut outside of
 * them, by the node.
 */
export function planMtu(input: PodMtuInput): number {
  const { mtu, overlay, encryption, families, ownAddresses, underlay, before } = input;
  const least = minMtu(families);
  if (mtu > 0) return Math.max(least, mtu);
  const carried = [...underlay.addresses.values()];
  const isFollowing = carried.length > 0 || (ownAddresses?.length === 0 && underlay.uplinks.length > 0);
  if (!isFollowing && before !== undefined) return before;
  const sizes = carried.length > 0 ? carried : underlay.uplinks.map((uplink) => uplink.mtu);
  const smallest = sizes.length === 0 ? DEFAULT_MTU : Math.min(...sizes);
  const hasIpv6 = addressOf(6, ownAddresses ?? []) !== undefined;
  if (encryption === "wireguard") return Math.max(least, smallest - WIREGUARD_OVERHEAD[hasIpv6 ? 6 : 4]);
  if (overlay === "never") return smallest;
  return Math.max(least, smallest - VXLAN_OVERHEAD[hasIpv6 ? 6 : 4]);
}

/** Why pods do not get the configured MTU; undefined when they do. */
export function mtuFault({ mtu, families }: Pick<PodMtuInput, "mtu" | "families">): string | undefined {
  if (mtu === 0 || mtu >= minMtu(families)) return undefined;
  const remedy = `set mtu to 0 or at least ${MIN_MTU[6]}, or give nodes no IPv6 PodCIDR`;
  return `mtu ${mtu} is too small for pods with IPv6, which needs ${MIN_MTU[6]}: ${remedy}`;
}
