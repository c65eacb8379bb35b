/** How another node is reached, from the best to the worst. */
export const WAYS = ["direct", "overlay", "held", "unreachable"] as const;

export type Way = (typeof WAYS)[number];

export type WayCounts = Readonly<Record<Way, number>>;

/** Counts PodCIDRs of other nodes by the way to them, and the nodes themselves: a node with several by the worst of its ways. */
export interface WayCounter {
  add(node: string, way: Way): void;
  podCidrs(): WayCounts;
  nodes(): WayCounts;
}

export function createWayCounter(): WayCounter {
  const podCidrs = noWays();
  const worst = new Map<string, Way>();
  return {
    add(node, way) {
      podCidrs[way]++;
      const known = worst.get(node);
      if (known === undefined || WAYS.indexOf(way) > WAYS.indexOf(known)) worst.set(node, way);
    },
    podCidrs: () => podCidrs,
    nodes() {
      const counts = noWays();
      for (const way of worst.values()) counts[way]++;
      return counts;
    },
  };
}

export function noWays(): Record<Way, number> {
  return { direct: 0, overlay: 0, held: 0, unreachable: 0 };
}
