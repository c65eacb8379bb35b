import { rangeHolds, rangeOf } from "../../net/address-range.ts";
import type { Family } from "../../net/address.ts";
import type { Cidr } from "../../net/cidr.ts";
import { macOf } from "../../net/mac.ts";
import type { Claims } from "./cluster-claims.ts";
import { type Claim, type ClusterMember, compareAge } from "./claim.ts";
import { createRouteCounter, type RouteCounts } from "./count-routes.ts";
import { minMtu } from "../node/node-network.ts";
import {
  addressOf,
  type DirectRoute,
  type EncryptedRoute,
  FAMILIES,
  type PeerPlan,
  type PeerRoute,
} from "./peer-routes.ts";
import type { Underlay } from "../node/underlay.ts";

/**
 * What VXLAN puts around a pod's packet: inner Ethernet, VXLAN, UDP, and the outer IP header (RFC 7348
 * section 5).
 */
export const VXLAN_OVERHEAD: Readonly<Record<Family, number>> = { 4: 50, 6: 70 };

export interface VxlanSettings {
  readonly vxlanDevice: string;
  readonly vxlanVni: number;
  readonly vxlanPort: number;
  readonly vxlanTxChecksum: boolean;
}

/** A VXLAN device. */
export interface TunnelPlan {
  readonly name: string;
  readonly underlay: Family;
  readonly local: string;
  readonly mac: string;
  readonly mtu: number;
  /**
   * Gateways of this node's pods: what is masqueraded on its way through the device gets one of them, which
   * other nodes take, and no other address.
   */
  readonly addresses: readonly string[];
  /** What its outer packets may have on the path; larger ones are fragmented. */
  readonly underlayMtu: number;
  readonly vni: number;
  readonly port: number;
  /** Whether the network card may compute checksums of inner packets. */
  readonly txChecksum: boolean;
}

/** Everything between this node and others. */
export interface PeersPlan {
  /** By destination. */
  readonly routes: ReadonlyMap<string, PeerRoute>;
  /** Destinations whose routes stay as they are. */
  readonly held: ReadonlySet<string>;
  readonly tunnels: readonly TunnelPlan[];
  /** Names that tunnels can have: those not planned are ours to delete. */
  readonly tunnelNames: readonly string[];
  /**
   * PodCIDRs of other nodes by the kind of route to them; one whose node's address is unreachable counts so,
   * although it has a route.
   */
  readonly podCidrs: RouteCounts;
  /** Other nodes, each by the worst of its routes. */
  readonly nodes: RouteCounts;
  /** Nodes to which there is no route, as sentences. */
  readonly problems: readonly string[];
  /** Nodes that are reached in clear although this one encrypts, by name with the reason. */
  readonly inClear: ReadonlyMap<string, string>;
  /**
   * Routes to nodes that may send encrypted packets, also those that are not made yet. Those of older nodes
   * come first: an address that two nodes claim is the older's.
   */
  readonly encrypted: readonly EncryptedRoute[];
}

export interface PeersInput {
  readonly claims: Claims["claims"];
  readonly nodeName: string;
  /** Prefixes of this node, also while the node itself is not known: nothing leads away what is in them. */
  readonly ownCidrs: readonly Cidr[];
  readonly ownAddresses: readonly string[];
  /** Gateways of this node's pods. */
  readonly ownGateways: readonly string[];
  readonly planPeer: (claim: Claim) => PeerPlan;
  /** Why a node is reached in clear; undefined where nothing is encrypted. */
  readonly whyClear?: ((node: ClusterMember) => string) | undefined;
  readonly underlay: Pick<Underlay, "addresses">;
  readonly settings: VxlanSettings;
}

/** Plans routes and tunnels to all nodes but this one. */
export function planPeers(input: PeersInput): PeersPlan {
  const { ownAddresses, ownCidrs, ownGateways, underlay, settings } = input;
  const least = minMtu(ownCidrs.map(({ family }) => family));
  const { families, ...planned } = planRoutes(input);
  const tunnels = FAMILIES.filter((family) => families.has(family)).flatMap((family) => {
    const local = addressOf(family, ownAddresses);
    const mtu = local === undefined ? undefined : underlay.addresses.get(local);
    return local === undefined || mtu === undefined
      ? []
      : [planTunnel(family, { local, mtu, least, addresses: ownGateways, settings })];
  });
  const tunnelNames = FAMILIES.map((family) => tunnelName(settings.vxlanDevice, family));
  return { ...planned, tunnels, tunnelNames };
}

type PlannedRoutes = Omit<PeersPlan, "tunnels" | "tunnelNames"> & {
  /** Families of tunnels that routes go through. */
  readonly families: ReadonlySet<Family>;
};

function planRoutes(input: PeersInput): PlannedRoutes {
  const isOwn = ownClaims(input);
  const routes = new Map<string, PeerRoute>();
  const held = new Set<string>();
  const problems = new Set<string>();
  const inClear = new Map<string, string>();
  const peers: { readonly node: ClusterMember; readonly route: EncryptedRoute }[] = [];
  const families = new Set<Family>();
  const counter = createRouteCounter();
  for (const [key, claim] of input.claims) {
    if (isOwn(claim)) continue;
    const plan = input.planPeer(claim);
    const { name } = claim.node;
    const peer = plan.kind === "encrypted" ? plan : plan.awaited;
    if (peer !== undefined) peers.push({ node: claim.node, route: peer });
    counter.add(name, isCutOff(plan) ? "unreachable" : plan.kind);
    if (plan.kind === "held" || plan.kind === "unreachable") {
      if (plan.kind === "held") held.add(key);
      problems.add(`node "${name}" cannot be reached at ${key}: ${plan.reason}`);
      continue;
    }
    routes.set(key, plan);
    if (plan.kind === "overlay") families.add(plan.underlay);
    if (isCutOff(plan)) problems.add(`node "${name}" cannot be reached at ${key}: ${plan.fault}`);
    if (plan.kind !== "encrypted" && input.whyClear !== undefined)
      inClear.set(name, input.whyClear(claim.node));
  }
  const encrypted = peers.toSorted((a, b) => compareAge(a.node, b.node)).map(({ route }) => route);
  const counts = { podCidrs: counter.podCidrs(), nodes: counter.nodes() };
  return { routes, held, families, ...counts, problems: [...problems], inClear, encrypted };
}

/** Whether the node's address is unreachable, whatever route there is for the moment when it is not. */
export function isCutOff(plan: PeerPlan): plan is Exclude<PeerRoute, DirectRoute> & { fault: string } {
  return (plan.kind === "overlay" || plan.kind === "encrypted") && plan.fault !== undefined;
}

/**
 * Tells claims to which this node makes no route: its own, and what others claim of prefixes in which its
 * pods live.
 */
export function ownClaims({
  nodeName,
  ownCidrs,
}: Pick<PeersInput, "nodeName" | "ownCidrs">): (claim: Claim) => boolean {
  const own = ownCidrs.map(rangeOf);
  return ({ node, range }) => node.name === nodeName || own.some((around) => rangeHolds(around, range));
}

/**
 * Two devices at most: one kernel socket sends over IPv4 or IPv6, and pairs of nodes may share only one of
 * them.
 */
export function tunnelName(device: string, underlay: Family): string {
  return underlay === 4 ? device : `${device}6`;
}

/** What is cut because pods with IPv6 take no less, as a sentence; undefined: everything fits. */
export function describeCut(tunnels: readonly TunnelPlan[]): string | undefined {
  const cut = tunnels.find(({ mtu, underlay, underlayMtu }) => mtu + VXLAN_OVERHEAD[underlay] > underlayMtu);
  if (cut === undefined) return undefined;
  const { name, mtu, underlay, underlayMtu } = cut;
  const outer = mtu + VXLAN_OVERHEAD[underlay];
  const remedy = `raise the MTU of the node network to ${outer}, reach all nodes without the overlay, or give nodes no IPv6 PodCIDR`;
  return `pods with IPv6 need ${mtu} bytes, so packets of ${name} (${outer} bytes) are fragmented to ${underlayMtu}, which is slow: ${remedy}`;
}

function planTunnel(
  underlay: Family,
  {
    local,
    mtu,
    least,
    addresses,
    settings,
  }: Pick<TunnelPlan, "local" | "mtu" | "addresses"> &
    Pick<PeersInput, "settings"> & { readonly least: number },
): TunnelPlan {
  return {
    name: tunnelName(settings.vxlanDevice, underlay),
    underlay,
    local,
    mac: macOf(local),
    mtu: Math.max(least, mtu - VXLAN_OVERHEAD[underlay]),
    addresses,
    underlayMtu: mtu,
    vni: settings.vxlanVni,
    port: settings.vxlanPort,
    txChecksum: settings.vxlanTxChecksum,
  };
}
