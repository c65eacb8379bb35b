/** How another node is reached, from the best to the worst. */
export const ROUTE_KINDS = ["encrypted", "direct", "overlay", "held", "unreachable"] as const;

export type RouteKind = (typeof ROUTE_KINDS)[number];

export type RouteCounts = Readonly<Record<RouteKind, number>>;

/**
 * Counts PodCIDRs of other nodes by the route to them, and the nodes themselves: a node with several by the
 * worst of its routes.
 */
export interface RouteCounter {
  add(node: string, route: RouteKind): void;
  podCidrs(): RouteCounts;
  nodes(): RouteCounts;
}

export function createRouteCounter(): RouteCounter {
  const podCidrs = noRoutes();
  const worst = new Map<string, RouteKind>();
  return {
    add(node, route) {
      podCidrs[route]++;
      const known = worst.get(node);
      if (known === undefined || ROUTE_KINDS.indexOf(route) > ROUTE_KINDS.indexOf(known))
        worst.set(node, route);
    },
    podCidrs: () => podCidrs,
    nodes() {
      const counts = noRoutes();
      for (const route of worst.values()) counts[route]++;
      return counts;
    },
  };
}

export function noRoutes(): Record<RouteKind, number> {
  return { encrypted: 0, direct: 0, overlay: 0, held: 0, unreachable: 0 };
}
