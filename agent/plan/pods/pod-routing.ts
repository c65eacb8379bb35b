import type { Family } from "../../net/address.ts";
import { type Cidr, cidrOf } from "../../net/cidr.ts";

/** A route of a pod through the gateway of an interface of ours. */
export interface PodRoute {
  readonly destination: Cidr;
  readonly gateway: string;
}

/** A route of a pod through another interface. */
export interface OtherRoute {
  readonly destination: Cidr;
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
  readonly metric: number | undefined;
  /** That interface is one of ours as well. */
  readonly isOurs: boolean;
}

export interface PodRoutingInput {
  readonly family: Family;
  readonly gateway: string;
  /** `defaultRoute` of the network's configuration; undefined: unless the pod has one. */
  readonly wantsDefault: boolean | undefined;
  /** Of this family, in the main table. */
  readonly others: readonly OtherRoute[];
  /** PodCIDRs of the cluster. */
  readonly clusterCidrs: readonly Cidr[];
}

/** How one interface of a pod is used among others. */
export interface PodRouting {
  readonly routes: readonly PodRoute[];
  /** Of the default route, so that it goes before others; undefined: the kernel's own. */
  readonly metric: number | undefined;
  /**
   * Answers leave by a table of the interface's own: another one's routes would take them where their source
   * is not known, and the node's guard against foreign sources drop them.
   */
  readonly hasOwnTable: boolean;
  /** Interfaces of ours whose default route no longer counts, and which need such a table now. */
  readonly displaced: readonly { readonly linkIndex: number; readonly gateway: string }[];
}

/**
 * What the kernel takes for IPv6 where none is given (IP6_RT_PRIO_USER of linux/ipv6_route.h); for IPv4 it is
 * 0.
 */
const DEFAULT_METRIC = { 4: 0, 6: 1024 } as const;

/**
 * Plans the routes of one family for an interface that may not be the pod's only one: the default route where
 * it is wanted or none is there; else those to the cluster's PodCIDRs, unless the default route leads there
 * through another interface of ours. Throws when no metric goes before another's.
 */
export function planPodRouting(input: PodRoutingInput): PodRouting {
  const { family, gateway, wantsDefault, clusterCidrs } = input;
  const others = input.others.filter(({ destination }) => !isOfLink(destination));
  const defaults = others.filter(({ destination }) => destination.prefixLength === 0);
  const hasOwnTable = others.length > 0 || wantsDefault === false;
  if (wantsDefault ?? defaults.length === 0) {
    const displaced = defaults.flatMap((route) =>
      route.isOurs && route.linkIndex !== undefined && route.gateway !== undefined
        ? [{ linkIndex: route.linkIndex, gateway: route.gateway }]
        : [],
    );
    const routes = [{ destination: cidrOf(gateway, 0), gateway }];
    return { routes, metric: metricBefore(family, defaults), hasOwnTable, displaced };
  }
  const leadsToCluster = defaults.some(({ isOurs }) => isOurs);
  const inside = leadsToCluster ? [] : clusterCidrs.filter((cidr) => cidr.family === family);
  const routes = inside.map((destination) => ({ destination, gateway }));
  return { routes, metric: undefined, hasOwnTable, displaced: [] };
}

/** Of IPv4 a later route goes before earlier ones of its metric; IPv6 would use both. */
function metricBefore(family: Family, defaults: readonly OtherRoute[]): number | undefined {
  if (family === 4) return undefined;
  const metrics = defaults.map(({ metric }) => metric ?? DEFAULT_METRIC[6]);
  const lowest = Math.min(...metrics);
  if (lowest > DEFAULT_METRIC[6]) return undefined;
  if (lowest > 1) return lowest - 1;
  throw new Error('Cannot make the IPv6 default route that "defaultRoute" wants: another one has metric 1');
}

/** fe80::/10 and ff00::/8, which every link has for itself. */
function isOfLink({ base }: Cidr): boolean {
  return /^(fe[89ab]|ff)/.test(base);
}

/** What an ADD makes where there is no other interface. */
export function defaultRoutes(addresses: readonly { readonly gateway: string }[]): readonly PodRoute[] {
  return addresses.map(({ gateway }) => ({ destination: cidrOf(gateway, 0), gateway }));
}
