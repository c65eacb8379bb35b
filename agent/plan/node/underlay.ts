import { type Family, familyOf } from "../../net/address.ts";
import type { Surroundings } from "./surroundings.ts";

/** A link that can carry traffic to other nodes. */
export interface Uplink {
  readonly name: string;
  readonly mtu: number;
}

/** How this node is connected to others. */
export interface Underlay {
  /**
   * The links that carry the node's addresses, first those, and the links of the routes to other nodes and
   * out of the cluster.
   */
  readonly uplinks: readonly Uplink[];
  /**
   * Those of the node's addresses that can be used, with the largest packet that every route from there
   * takes.
   */
  readonly addresses: ReadonlyMap<string, number>;
  /**
   * The routes to other nodes' addresses. The same route is the same object, also from one observation to the
   * next.
   */
  readonly routes: ReadonlyMap<string, UnderlayRoute>;
  /**
   * Addresses of services, which kube-proxy in IPVS mode puts on a link of its own: the kernel takes them for
   * the node's, and they are not (kubernetes/kubernetes#131765).
   */
  readonly serviceAddresses: readonly string[];
  /** Those of the node's addresses that only a VRF uses. */
  readonly vrfAddresses: readonly VrfAddress[];
  readonly surroundings: Surroundings;
}

/** An address on a port of a VRF, or on the VRF's own link (Documentation/networking/vrf.rst of the kernel). */
export interface VrfAddress {
  readonly address: string;
  readonly link: string;
  readonly vrf: string;
}

/** Why pods do not reach other nodes over the node's addresses; undefined where none is in a VRF. */
export function describeVrf(addresses: readonly VrfAddress[]): string | undefined {
  if (addresses.length === 0) return undefined;
  const places = addresses.map(({ address, link, vrf }) => `${address} (link "${link}", VRF "${vrf}")`);
  return (
    `addresses of this node are in a VRF, and pods, which are in none, do not use its routes: ${places.join(", ")}; ` +
    "give the node addresses outside of VRFs (--node-ip of the kubelet), or take the link out of the VRF"
  );
}

/** The link of kube-proxy in IPVS mode (DefaultDummyDevice of pkg/proxy/ipvs). */
export const SERVICE_LINK = "kube-ipvs0";

/** How the kernel would send a packet to an address of another node. */
export type UnderlayRoute =
  /** The address is a neighbour's on this link. */
  | { readonly kind: "segment"; readonly links: readonly [number] }
  /** Through other hosts, or a link without neighbours; `through` says which, in words. */
  | {
      readonly kind: "routed";
      readonly links: readonly number[];
      readonly gateways: readonly string[];
      readonly through: string;
    }
  /** To this node itself, to its pods, or to whoever is on a subnet: no packet is to go there. */
  | { readonly kind: "inside"; readonly links: readonly []; readonly fault: string }
  /** Nowhere at present. */
  | { readonly kind: "none"; readonly links: readonly []; readonly fault: string };

/** What the kernel knows about a route, as far as it matters here. */
export interface RouteAnswer {
  /** RTN_* of linux/rtnetlink.h. */
  readonly type: number;
  readonly hops: readonly { readonly linkIndex: number; readonly gateway: string | undefined }[];
}

export interface RouteLink {
  readonly name: string;
  readonly hasNeighbours: boolean;
  /** The bridge, a VXLAN device or a pod's link. */
  readonly isOurs: boolean;
}

/** RTN_UNICAST of linux/rtnetlink.h. */
const UNICAST = 1;

/** RTN_LOCAL. */
const LOCAL = 2;

/** RTN_BROADCAST, RTN_ANYCAST and RTN_MULTICAST: of no node, whatever becomes of routes. */
const MANY: ReadonlySet<number> = new Set([3, 4, 5]);

/**
 * What an answer of the kernel means: a string is the error instead of one. Several next hops are a segment
 * only if all of them are neighbours on one link.
 */
export function judgeRoute(
  answer: RouteAnswer | string,
  linkOf: (index: number) => RouteLink | undefined,
): UnderlayRoute {
  if (typeof answer === "string") return noRoute(`the kernel has no route to it (${answer})`);
  if (answer.type === LOCAL) return { kind: "inside", links: [], fault: "it is this node's own" };
  if (MANY.has(answer.type)) return { kind: "inside", links: [], fault: "it is a subnet's, and no node's" };
  const { hops } = answer;
  const indices = [...new Set(hops.map(({ linkIndex }) => linkIndex))];
  const links = indices.map(linkOf);
  if (answer.type !== UNICAST || links.length === 0 || links.includes(undefined))
    return noRoute("the kernel's route to it leads nowhere");
  const own = links.find((link) => link?.isOurs === true);
  if (own !== undefined)
    return { kind: "inside", links: [], fault: `its route leads to pods, over "${own.name}"` };
  const gateways = [...new Set(hops.flatMap(({ gateway }) => gateway ?? []))].toSorted();
  const silent = links.find((link) => link?.hasNeighbours === false);
  const [first] = indices;
  if (gateways.length === 0 && silent === undefined && first !== undefined && indices.length === 1)
    return { kind: "segment", links: [first] };
  return { kind: "routed", links: indices, gateways, through: describeThrough(gateways, silent) };
}

function noRoute(fault: string): UnderlayRoute {
  return { kind: "none", links: [], fault };
}

function describeThrough(gateways: readonly string[], silent: RouteLink | undefined): string {
  if (gateways.length > 0) return `gateway ${gateways.join(" or ")}`;
  return silent === undefined ? "several links" : `link "${silent.name}", which has no neighbours`;
}

/** Gives the same object for the same route, so that plans are compared by identity. */
export function createRouteInterner(): (route: UnderlayRoute) => UnderlayRoute {
  const kept = new Map<string, UnderlayRoute>();
  return (route) => {
    const text = JSON.stringify(route);
    const known = kept.get(text) ?? route;
    kept.set(text, known);
    return known;
  };
}

/** An address of this node, and the link that has it. */
export interface OwnAddress {
  readonly address: string;
  readonly linkIndex: number;
}

export interface UnderlayLink {
  readonly mtu: number;
  readonly up: boolean;
  /**
   * Packets leave through it: it is no loopback and no dummy, on which addresses stand that other links
   * carry.
   */
  readonly carriesTraffic: boolean;
}

/**
 * The largest packet from each address of this node: what its own link takes, and the links of all routes to
 * other nodes in that family. An address on a loopback or dummy, as nodes that speak BGP have it, is carried
 * by those alone; where there are none, by the links out of the cluster. One that nothing carries is left
 * out.
 */
export function sizeAddresses(
  own: readonly OwnAddress[],
  linkOf: (index: number) => UnderlayLink | undefined,
  { peers, others }: { readonly peers: LinksByFamily; readonly others: LinksByFamily },
): ReadonlyMap<string, number> {
  return new Map(
    own.flatMap(({ address, linkIndex }) => {
      const family = familyOf(address);
      const link = linkOf(linkIndex);
      if (link?.up !== true) return [];
      const carrying = [...(link.carriesTraffic ? [linkIndex] : []), ...peers[family]];
      const sizes = (carrying.length > 0 ? carrying : [...others[family]]).flatMap(
        (index) => linkOf(index)?.mtu ?? [],
      );
      return sizes.length === 0 ? [] : [[address, Math.min(...sizes)]];
    }),
  );
}

export type LinksByFamily = Readonly<Record<Family, Set<number>>>;
