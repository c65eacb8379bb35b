import { type Cidr, hostCidr } from "../../net/cidr.ts";

/** A link of kind `wireguard`, as it must be. */
export interface WireGuardDevicePlan {
  readonly name: string;
  readonly mtu: number;
  /** UDP port on which it listens, on all addresses of the node. */
  readonly port: number;
  /** Its addresses, each a host prefix. */
  readonly addresses: readonly string[];
}

/** Where the packets for a peer go. */
export interface WireGuardEndpoint {
  readonly address: string;
  readonly port: number;
}

/** Another node, as the device must know it. */
export interface WireGuardPeerPlan {
  /** 32 bytes in base64. */
  readonly publicKey: string;
  readonly endpoint: WireGuardEndpoint;
  /** PodCIDRs: what is sent to it, and what it may send from. A prefix belongs to one peer of a device. */
  readonly allowedIps: readonly Cidr[];
  /** The same of single addresses, as its Node object holds them: as prefixes thousands would be felt. */
  readonly allowedAddresses?: readonly string[];
  /** Whether it is called as soon as it is known, and again until there is a handshake. */
  readonly isCalled?: boolean;
}

/** A peer as the kernel has it. */
export interface WireGuardPeerState {
  readonly publicKey: string;
  /** The last one that the peer has authenticated, or else the configured one. */
  readonly endpoint: WireGuardEndpoint | undefined;
  readonly allowedIps: readonly Cidr[];
  /** Seconds of Unix time; 0: there was none yet. */
  readonly lastHandshake: number;
  /** Bytes of UDP payload. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Settings that the agent gives no peer; absent without any. */
  readonly extras?: readonly string[];
}

/** All that a peer may send from. */
export function allowedIpsOf({
  allowedIps,
  allowedAddresses = [],
}: Pick<WireGuardPeerPlan, "allowedIps" | "allowedAddresses">): readonly Cidr[] {
  return [...allowedIps, ...allowedAddresses.map(hostCidr)];
}

/** A device as the kernel has it. */
export interface WireGuardState {
  /** Undefined until the device has a private key. */
  readonly publicKey: string | undefined;
  readonly port: number;
  /** Mark of the packets that it sends; 0: none. */
  readonly fwmark: number;
  readonly peers: readonly WireGuardPeerState[];
}
