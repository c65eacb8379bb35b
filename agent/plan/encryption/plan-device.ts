import { familyOf } from "../../net/address.ts";
import type { Cidr } from "../../net/cidr.ts";
import { minMtu } from "../node/node-network.ts";
import type { Underlay } from "../node/underlay.ts";
import { WIREGUARD_OVERHEAD } from "../peers/pod-mtu.ts";
import type { WireGuardDevicePlan } from "./wireguard.ts";

/** Name of the device through which all encrypted traffic goes. */
export const WIREGUARD_DEVICE = "cw-wg";

/**
 * Name of the device that holds the next key of this node while its keys are rotated: other nodes show there
 * that they know it. No packet of pods goes through it.
 */
export const NEXT_DEVICE = "cw-wg2";

/** All that a node can have. */
export const WIREGUARD_DEVICES = [WIREGUARD_DEVICE, NEXT_DEVICE] as const;

/** Where a node answers who knows its next key: the port after that of WireGuard, or before the last. */
export function nextPort(port: number): number {
  return port === 65_535 ? port - 1 : port + 1;
}

/** The device of the next key: without addresses, since it is sent nothing. */
export function planNextDevice({ mtu, port }: WireGuardDevicePlan): WireGuardDevicePlan {
  return { name: NEXT_DEVICE, mtu, port: nextPort(port), addresses: [] };
}

export interface DeviceInput {
  /** UDP port. */
  readonly port: number;
  /** Prefixes in which pods of this node live. */
  readonly ownCidrs: readonly Cidr[];
  /** Gateways of this node's pods. */
  readonly ownGateways: readonly string[];
  readonly underlay: Pick<Underlay, "addresses">;
}

/**
 * The device has the gateways' addresses, as a VXLAN device has: what is masqueraded on its way through gets
 * one of them, which other nodes take, and no other address. Its MTU leaves room for the outer header of
 * every address family in which other nodes may be reached. Undefined while no link carries the node's
 * addresses.
 */
export function planWireGuardDevice(input: DeviceInput): WireGuardDevicePlan | undefined {
  const sizes = [...input.underlay.addresses].map(
    ([address, mtu]) => mtu - WIREGUARD_OVERHEAD[familyOf(address)],
  );
  if (sizes.length === 0) return undefined;
  const least = minMtu(input.ownCidrs.map(({ family }) => family));
  return {
    name: WIREGUARD_DEVICE,
    mtu: Math.max(least, Math.min(...sizes)),
    port: input.port,
    addresses: input.ownGateways,
  };
}
