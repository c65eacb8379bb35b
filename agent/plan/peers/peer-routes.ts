import { agrees } from "../../lib/same-list.ts";
import { type Family, familyOf } from "../../net/address.ts";
import { addressAt, type Cidr } from "../../net/cidr.ts";
import type { Claim, ClusterMember, NodeKeys } from "./claim.ts";
import type { Underlay, UnderlayRoute } from "../node/underlay.ts";

/** How what goes between nodes is encrypted. */
export type EncryptionType = "none" | "wireguard";

export type OverlayMode = "auto" | "never" | "always";

/** The route to the pods of another node. */
export type PeerRoute = DirectRoute | OverlayRoute | EncryptedRoute;

export interface DirectRoute {
  readonly kind: "direct";
  readonly destination: Cidr;
  /** The node's address, a neighbour's on the link. */
  readonly gateway: string;
  readonly linkIndex: number;
}

export interface OverlayRoute {
  readonly kind: "overlay";
  readonly destination: Cidr;
  /**
   * This node's gateway of the same family, for what the node itself sends: an answer to the node's own
   * address would not come back through the overlay, which strict reverse path filters do not forgive.
   */
  readonly source: string | undefined;
  /** Family of the outer packets. */
  readonly underlay: Family;
  /** The node's address. */
  readonly remote: string;
  /** Why no packet gets to the node at present: the route is there for the moment when one does. */
  readonly fault: string | undefined;
}

/** Through the WireGuard device, whatever lies between both nodes. */
export interface EncryptedRoute {
  readonly kind: "encrypted";
  readonly destination: Cidr;
  /** May send from its PodCIDRs and its own addresses. */
  readonly node: ClusterMember;
  readonly key: NodeKeys;
  /** This node's gateway of the same family: what other nodes take from this one. */
  readonly source: string | undefined;
  /** The WireGuard device. */
  readonly linkIndex: number;
  /** The node's address. */
  readonly remote: string;
  /** Why no packet gets to the node at present. */
  readonly fault: string | undefined;
}

export type PeerPlan = AnyPlan & {
  /** The route as it will be once this node's own key is known to others: its peer is let in until then. */
  readonly awaited?: EncryptedRoute;
};

type AnyPlan =
  | PeerRoute
  /** Nothing better is known at present: what is in the kernel stays as it is. */
  | { readonly kind: "held"; readonly reason: string }
  | { readonly kind: "unreachable"; readonly reason: string };

export interface PeerPlannerInput {
  readonly overlay: OverlayMode;
  /** Addresses of this node as the cluster knows them. */
  readonly ownAddresses: readonly string[];
  /** Gateways of this node's pods. */
  readonly ownGateways: readonly string[];
  readonly underlay: Pick<Underlay, "addresses">;
  /** Undefined where nothing is encrypted. */
  readonly encryption?: PeerEncryption | undefined;
}

export interface PeerEncryption {
  /** The WireGuard device; undefined while there is none. */
  readonly linkIndex: number | undefined;
  /** Why no node is sent encrypted packets yet; undefined: all that have a key are. */
  readonly fault: string | undefined;
  /** Whether a node is not to be reached in clear. */
  readonly isRequired: boolean;
}

/** The key that a node is reached with, or why there is none, as in "it publishes no key". */
export type KeyOf = (node: ClusterMember) => NodeKeys | string;

/** The kernel's route to an address of another node. */
export type RouteTo = (address: string) => UnderlayRoute | undefined;

/** The order in which underlay families are tried: both ends of a pair come to the same. */
export const FAMILIES: readonly Family[] = [4, 6];

export function addressOf(family: Family, addresses: readonly string[]): string | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

const noKey: KeyOf = () => "nothing is encrypted";

/**
 * Plans the routes to other nodes' pods, one claim at a time. Of thousands of nodes one or two change at
 * once: a plan that is the same as `before` is the same object. `before` is asked by prefix.
 */
export function createPeerPlanner(
  input: PeerPlannerInput,
): (
  claim: Claim,
  routeTo: RouteTo,
  keyOf?: KeyOf,
  before?: (key: string) => PeerPlan | undefined,
) => PeerPlan {
  return (claim, routeTo, keyOf = noKey, before = () => undefined) => {
    const { node } = claim;
    const plan = planPeer(claim, { node, input, routeTo, key: keyOf(node) });
    const last = before(claim.key);
    return last !== undefined && agrees(plan, last) && agrees(last, plan) ? last : plan;
  };
}

interface PeerTarget {
  readonly node: ClusterMember;
  readonly input: PeerPlannerInput;
  readonly routeTo: RouteTo;
  readonly key: NodeKeys | string;
}

function planPeer(claim: Claim, target: PeerTarget): PeerPlan {
  const { encryption } = target.input;
  if (encryption === undefined) return planClear(claim, target);
  const { key } = target;
  const encrypted = typeof key === "string" ? undefined : planEncrypted(claim.cidr, target, key);
  if (encrypted !== undefined && encryption.fault === undefined) return encrypted;
  const why = typeof key === "string" ? key : encryption.fault;
  const clear: PeerPlan = encryption.isRequired
    ? { kind: "unreachable", reason: `${why}, and encryption is required` }
    : planClear(claim, target);
  return encrypted?.kind === "encrypted" ? { ...clear, awaited: encrypted } : clear;
}

function planClear({ cidr, node }: Claim, target: PeerTarget): PeerPlan {
  const { input, routeTo } = target;
  const { overlay, ownAddresses, underlay } = input;
  const sameFamily = addressOf(cidr.family, node.addresses);
  const route = sameFamily === undefined ? undefined : routeTo(sameFamily);
  if (overlay !== "always" && sameFamily !== undefined && route?.kind === "segment")
    return { kind: "direct", destination: cidr, gateway: sameFamily, linkIndex: route.links[0] };
  if (sameFamily !== undefined && route === undefined) return unasked(sameFamily);
  const [first] = ownAddresses;
  if (first !== undefined && !ownAddresses.some((address) => underlay.addresses.has(address)))
    return held(first);
  if (overlay !== "never") return planOverlay(cidr, target);
  if (sameFamily === undefined)
    return { kind: "unreachable", reason: `it has no IPv${cidr.family} address, and the overlay is off` };
  return { kind: "unreachable", reason: `${describeRoute(sameFamily, route)}, and the overlay is off` };
}

function held(address: string): PeerPlan {
  return { kind: "held", reason: `no link that is up carries this node's address ${address}` };
}

/**
 * The node is newer than the last look at the underlay: what was made for it before a restart stays until the
 * next one.
 */
function unasked(address: string): PeerPlan {
  return {
    kind: "held",
    reason: `the kernel's route has not been looked up yet for its address ${address}`,
  };
}

function describeRoute(address: string, route: UnderlayRoute | undefined): string {
  switch (route?.kind) {
    case "routed":
      return `its address ${address} is not on a segment of this node, but behind ${route.through}`;
    case "inside":
    case "none":
      return `for its address ${address}: ${route.fault}`;
    default:
      return `its address ${address} is not on a segment of this node`;
  }
}

function planOverlay(destination: Cidr, target: PeerTarget): PeerPlan {
  const way = findWay(target);
  if ("kind" in way) return way;
  return {
    kind: "overlay",
    destination,
    source: addressOf(destination.family, target.input.ownGateways),
    underlay: way.family,
    remote: way.remote,
    fault: way.fault,
  };
}

/**
 * Nobody asks who has it, on a device without neighbours: the key tells where a packet goes. Linux refuses a
 * gateway of IPv6 that the route which is to be replaced leads to by another link (ip6_route_check_nh_onlink
 * of net/ipv6/route.c), and takes any link-local one.
 */
export function encryptedGateway(destination: Cidr): string {
  return destination.family === 6 ? "fe80::1" : addressAt(destination, 1n);
}

function planEncrypted(destination: Cidr, target: PeerTarget, key: NodeKeys): PeerPlan {
  const { node, input } = target;
  const linkIndex = input.encryption?.linkIndex;
  if (linkIndex === undefined) return { kind: "held", reason: "this node has no WireGuard device yet" };
  const way = findWay(target);
  if ("kind" in way) return way;
  return {
    kind: "encrypted",
    destination,
    node,
    key,
    source: addressOf(destination.family, input.ownGateways),
    linkIndex,
    remote: way.remote,
    fault: way.fault,
  };
}

/** Between which addresses outer packets go. */
interface Way {
  readonly family: Family;
  readonly remote: string;
  readonly fault: string | undefined;
}

function findWay({ node, input, routeTo }: PeerTarget): Way | PeerPlan {
  const { ownAddresses, underlay } = input;
  for (const family of FAMILIES) {
    const local = addressOf(family, ownAddresses);
    const remote = addressOf(family, node.addresses);
    if (local === undefined || remote === undefined) continue;
    if (!underlay.addresses.has(local)) return held(local);
    const route = routeTo(remote);
    if (route === undefined) return unasked(remote);
    if (route.kind === "inside") return { kind: "held", reason: describeRoute(remote, route) };
    return { family, remote, fault: route.kind === "none" ? describeRoute(remote, route) : undefined };
  }
  const addresses = node.addresses.length === 0 ? "none" : node.addresses.join(", ");
  return { kind: "unreachable", reason: `it shares no address family with this node (it has ${addresses})` };
}
