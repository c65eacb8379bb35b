import { type Family, familyOf } from "../net/address.ts";
import { addressAt, type Cidr, cidrContains } from "../net/cidr.ts";
import { macOf } from "../net/mac.ts";
import type { Claim, ClusterMember } from "./cluster-claims.ts";
import type { Underlay } from "./underlay.ts";

export type OverlayMode = "auto" | "never" | "always";

/** The way to the pods of another node. */
export type PeerRoute = DirectRoute | OverlayRoute;

export interface DirectRoute {
  readonly kind: "direct";
  readonly destination: Cidr;
  /** The node's address, on a subnet of this node. */
  readonly gateway: string;
  readonly linkIndex: number;
}

export interface OverlayRoute {
  readonly kind: "overlay";
  readonly destination: Cidr;
  /**
   * This node's gateway of the same family, for what the node itself sends: an answer to the node's own address would not come back through
   * the overlay, which strict reverse path filters do not forgive.
   */
  readonly source: string | undefined;
  /** The gateway of the node's pods. Nobody asks who has it: its MAC is a permanent neighbour. */
  readonly gateway: string;
  /** Family of the outer packets. */
  readonly underlay: Family;
  /** The node's address. */
  readonly remote: string;
  /** MAC of the node's VXLAN device, which follows from its address: nobody has to publish it. */
  readonly mac: string;
}

export type PeerPlan =
  | PeerRoute
  /** This node's own link is down: what is in the kernel stays as it is. */
  | { readonly kind: "held"; readonly reason: string }
  | { readonly kind: "unreachable"; readonly reason: string };

export interface PeerPlannerInput {
  readonly overlay: OverlayMode;
  /** Addresses of this node as the cluster knows them. */
  readonly ownAddresses: readonly string[];
  /** Gateways of this node's pods. */
  readonly ownGateways: readonly string[];
  readonly underlay: Pick<Underlay, "subnets" | "addresses">;
}

/** The order in which underlay families are tried: both ends of a pair come to the same. */
export const FAMILIES: readonly Family[] = [4, 6];

export function addressOf(family: Family, addresses: readonly string[]): string | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

/**
 * Plans the ways to other nodes' pods, one claim at a time, and remembers them: of thousands of nodes one or two change at once, and the same
 * answer for the others is recognised as the same object. A planner is for one underlay; another underlay takes another planner.
 */
export function createPeerPlanner(input: PeerPlannerInput): (claim: Claim) => PeerPlan {
  const known = new WeakMap<Claim, PeerPlan>();
  return (claim) => {
    const plan = known.get(claim) ?? planPeer(claim, input);
    known.set(claim, plan);
    return plan;
  };
}

function planPeer({ cidr, node }: Claim, input: PeerPlannerInput): PeerPlan {
  const { overlay, ownAddresses, underlay } = input;
  const sameFamily = addressOf(cidr.family, node.addresses);
  if (overlay !== "always" && sameFamily !== undefined) {
    const subnet = underlay.subnets.find((candidate) => cidrContains(candidate.cidr, sameFamily));
    if (subnet !== undefined)
      return { kind: "direct", destination: cidr, gateway: sameFamily, linkIndex: subnet.linkIndex };
  }
  const [first] = ownAddresses;
  if (first !== undefined && !ownAddresses.some((address) => underlay.addresses.has(address)))
    return held(first);
  if (overlay === "never") return { kind: "unreachable", reason: whyNotDirect(cidr.family, sameFamily) };
  return planOverlay(cidr, node, input);
}

function held(address: string): PeerPlan {
  return { kind: "held", reason: `this node's address ${address} is on no link that is up` };
}

function whyNotDirect(family: Family, address: string | undefined): string {
  if (address === undefined) return `it has no IPv${family} address, and the overlay is off`;
  return `its address ${address} is on no subnet of this node, and the overlay is off`;
}

function planOverlay(
  destination: Cidr,
  node: ClusterMember,
  { ownAddresses, ownGateways, underlay }: PeerPlannerInput,
): PeerPlan {
  for (const family of FAMILIES) {
    const local = addressOf(family, ownAddresses);
    const remote = addressOf(family, node.addresses);
    if (local === undefined || remote === undefined) continue;
    if (!underlay.addresses.has(local)) return held(local);
    return {
      kind: "overlay",
      destination,
      source: addressOf(destination.family, ownGateways),
      gateway: addressAt(destination, 1n),
      underlay: family,
      remote,
      mac: macOf(remote),
    };
  }
  const addresses = node.addresses.length === 0 ? "none" : node.addresses.join(", ");
  return { kind: "unreachable", reason: `it shares no address family with this node (it has ${addresses})` };
}
