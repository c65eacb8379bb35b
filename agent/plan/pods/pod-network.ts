import type { Family } from "../../net/address.ts";
import { addressBits } from "../../net/cidr.ts";
import { hostLinkName } from "../../net/host-link.ts";
import { macFromBytes, macOf, macToBytes } from "../../net/mac.ts";
import { type Attachment, formatAlias, hasRoomForName } from "./attachment.ts";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import { formatNameParts, formatUidName, type PodIdentity } from "./names/pod-identity.ts";
import { formatAltNames, NO_SETTINGS, type PodSettings } from "./pod-settings.ts";

/** One address of a pod: a host prefix, with the gateway that it is routed through. */
export interface PodAddressPlan {
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

/**
 * Everything that an attachment consists of, as plain data: the veth, and on both sides what keeps address
 * resolution off the path (design: layer 3 between pods, permanent neighbours).
 * `agent/kernel/pod/attach-pod.ts` turns it into messages.
 */
export interface PodPlan {
  readonly host: {
    readonly link: string;
    readonly mac: string;
    readonly alias: string;
    readonly altNames: readonly string[];
    /** The alternative name that most pods have, apart from those that few have. */
    readonly uidName?: string | undefined;
  };
  /** What is kept of it all. */
  readonly attachment: Attachment & { readonly settings: PodSettings };
  readonly pod: {
    readonly ifname: string;
    readonly mac: string;
    readonly addresses: readonly PodAddressPlan[];
    readonly gatewayMac: string;
    /** Whether it has the default route; undefined: unless the pod has one. */
    readonly wantsDefault: boolean | undefined;
  };
  readonly mtu: number;
}

export interface PodNetworkInput {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly pod?: PodIdentity | undefined;
  /** Name of the host end, where it is known already: its hash is a tenth of the work. */
  readonly hostLink?: string | undefined;
  readonly mtu: number;
  /** Instead of the one that follows from the addresses. */
  readonly mac?: string | undefined;
  readonly settings?: PodSettings | undefined;
  /** As the network's configuration wants it; undefined: unless the pod has one. */
  readonly defaultRoute?: boolean | undefined;
  readonly addresses: readonly {
    readonly family: Family;
    readonly address: string;
    readonly gateway: string;
  }[];
}

/** Plans the network of one pod interface. At least one address is given. */
export function planPodNetwork(input: PodNetworkInput): PodPlan {
  const { network, containerId, ifname, pod, mtu, addresses, settings = NO_SETTINGS } = input;
  const podAddresses = addresses.map(({ address }) => address);
  const identity = pod === undefined ? {} : { pod };
  const attachment = { network, containerId, ifname, addresses: podAddresses, ...identity, settings };
  const mac = input.mac ?? podMac(attachment.addresses);
  const { hostLink: link = hostLinkName(containerId, ifname) } = input;
  const alias = formatAlias(attachment);
  const nameParts = pod === undefined || hasRoomForName(alias, pod) ? [] : formatNameParts(link, pod);
  return {
    attachment,
    host: {
      link,
      mac: otherEndMac(mac),
      alias,
      altNames: [...nameParts, ...formatAltNames(link, settings)],
      ...(pod?.uid === undefined ? {} : { uidName: formatUidName(link, pod.uid) }),
    },
    pod: {
      ifname,
      mac,
      addresses: addresses.map(({ family, address, gateway }) => {
        return { family, address, prefixLength: addressBits(family), gateway };
      }),
      gatewayMac: BRIDGE_MAC,
      wantsDefault: input.defaultRoute,
    },
    mtu,
  };
}

/**
 * The MAC of a pod follows its IPv4 address where it has one: those four bytes are unique on the node without
 * a hash.
 */
export function podMac(addresses: readonly string[]): string {
  const address = addresses.find((candidate) => !candidate.includes(":")) ?? addresses[0];
  if (address === undefined) throw new RangeError("Cannot derive a MAC address: the pod has no address");
  return macOf(address);
}

/**
 * Whether a MAC may be what follows from the addresses of another pod of the node: those are in the two bytes
 * behind which an IPv4 address stands, or behind one byte where pods have none (see {@link macOf}).
 */
export function isDerivedMac(mac: string, addresses: readonly string[]): boolean {
  const own = podMac(addresses);
  const prefix = own.slice(0, addresses.every((address) => address.includes(":")) ? 2 : 5);
  return mac !== own && mac.startsWith(prefix);
}

/**
 * MAC of the other end of a veth: the same with the first four bits turned over. Set at creation, so that
 * udev leaves it alone; and its own inverse, so that the host end tells the pod's MAC.
 */
export function otherEndMac(mac: string): string {
  const [first = 0, ...rest] = macToBytes(mac);
  return macFromBytes(Uint8Array.of(first ^ 0xf0, ...rest));
}
