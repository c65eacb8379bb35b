import { release } from "node:os";
import { describeMissing, WIREGUARD_FEATURE } from "../../plan/node/kernel-features.ts";
import type {
  WireGuardDevicePlan,
  WireGuardPeerPlan,
  WireGuardState,
} from "../../plan/encryption/wireguard.ts";
import type { Change } from "../types.ts";

/** The kernel has no WireGuard: neither the link kind nor the generic netlink family. */
export class WireGuardMissingError extends Error {
  override readonly name = "WireGuardMissingError";
  readonly code = "WIREGUARD_MISSING";

  constructor(action: string, options?: ErrorOptions) {
    super(`Cannot ${action}: ${describeMissing(release(), [WIREGUARD_FEATURE])}`, options);
  }
}

/** Another socket of the node has the UDP port that a device is to listen on. */
export class WireGuardPortError extends Error {
  override readonly name = "WireGuardPortError";
  readonly code = "WIREGUARD_PORT_IN_USE";

  constructor(name: string, port: number, options?: ErrorOptions) {
    super(`Cannot use WireGuard device "${name}": UDP port ${port} is in use`, options);
  }
}

export interface EnsuredWireGuardDevice {
  /** That of the private key in the device, in base64. */
  readonly publicKey: string;
  /** How long the device has had it. */
  readonly keyAgeMs: number;
  readonly index: number;
  readonly changes: readonly Change[];
}

export interface WireGuardPeersOptions {
  /** Whether peers that are not planned go. */
  readonly prune: boolean;
  /** Whether the kernel is read first; otherwise what was made last is taken as still there. */
  readonly verify: boolean;
  /**
   * Whether peers that come are called at once. A peer that knows this node may have called before it was
   * known here, and repeats that after 5 s only.
   */
  readonly callsNew?: boolean;
}

/** Devices of kind `wireguard`. Calls are carried out in the order they were made. */
export interface WireGuardKernel {
  /**
   * Makes the device as planned, with a new private key if it has none: one that it has stays, since nobody
   * else knows it. Throws {@link WireGuardMissingError} and {@link WireGuardPortError}.
   */
  ensureDevice(plan: WireGuardDevicePlan): Promise<EnsuredWireGuardDevice>;
  /**
   * Makes the peers of a device as planned, by the names of their nodes. Only what differs is sent; the
   * session of a peer outlives changes of its prefixes and endpoint. An endpoint that the peer itself has
   * moved to stays as long as its session lives. Throws {@link WireGuardMissingError} and NetlinkError; what
   * was refused is tried again by the next call, which reads the kernel.
   */
  ensurePeers(
    name: string,
    peers: ReadonlyMap<string, WireGuardPeerPlan>,
    options: WireGuardPeersOptions,
  ): Promise<readonly Change[]>;
  /**
   * Gives the device `to` the private key of the device `from`, and calls all its peers: those that know the
   * key have a session with it after that. Until then what they send under the old key is understood. Gives
   * the public key. Throws {@link WireGuardMissingError} and NetlinkError.
   */
  moveKey(from: string, to: string): Promise<string>;
  /** Undefined without a device of that name, also where the kernel has no WireGuard. */
  read(name: string): Promise<WireGuardState | undefined>;
  /** Deletes a device of ours, and with it its private key; gives whether there was one. */
  remove(name: string): Promise<boolean>;
  /** Whether the link of this index is one of the devices that were made or seen. */
  hasDevice(linkIndex: number): boolean;
}
