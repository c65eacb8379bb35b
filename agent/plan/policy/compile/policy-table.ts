import type { Direction, Tier } from "../model.ts";

/** A set of the table, as nft declares it. */
export interface SetSpec {
  readonly name: string;
  /** `ipv4_addr`, `ipv6_addr`, `inet_proto` and `inet_service`, joined by ` . ` where several are one key. */
  readonly type: string;
  /**
   * Its elements are intervals: with several fields the kernel keeps them in pipapo, where a change costs
   * milliseconds.
   */
  readonly isInterval: boolean;
}

/**
 * What of a packet is looked up: `peer` is the source in a chain for ingress and the destination in one for
 * egress, `port` is always the destination's.
 */
export type LookupKey = "peer" | "peer . protocol . port" | "protocol . port";

export interface Lookup {
  readonly key: LookupKey;
  readonly set: string;
  /** It must not be there. */
  readonly isNegated: boolean;
}

/** Why a packet is dropped. */
export interface Denial {
  readonly direction: Direction;
  /** Undefined: nobody knows the pod's labels yet. */
  readonly tier: Tier | undefined;
  /** Names (`NAMESPACE/NAME`, `NAME`) of the policies that isolate, or that have the rules of this run. */
  readonly policies: readonly string[];
}

/** `return`: this direction lets the packet pass. */
export type Verdict =
  | { readonly kind: "return" }
  | { readonly kind: "goto"; readonly chain: string }
  | { readonly kind: "drop"; readonly denial: Denial };

/** Holds when every look-up does; without any, always. */
export interface PolicyRule {
  readonly lookups: readonly Lookup[];
  readonly verdict: Verdict;
}

/** What is not decided at its end passes. */
export interface PolicyChain {
  readonly name: string;
  readonly direction: Direction;
  readonly family: 4 | 6;
  readonly rules: readonly PolicyRule[];
}

/**
 * Verdict maps: the address of a pod of this node → `jump CHAIN`. The first packet of a connection meets the
 * source's, then the destination's.
 */
export const POD_MAPS = ["pods-out4", "pods-out6", "pods-in4", "pods-in6"] as const;

export type PodMap = (typeof POD_MAPS)[number];

export function podMapOf(direction: Direction, family: 4 | 6): PodMap {
  return `pods-${direction === "ingress" ? "in" : "out"}${family}`;
}

export interface PolicySet {
  readonly spec: SetSpec;
  /**
   * The keys are the elements, as nft writes them in numbers: `10.244.1.7 . 6 . 80`, `10.0.0.0/8 . 17 .
   * 53-60`.
   */
  readonly elements: ReadonlyMap<string, unknown>;
  /** Another number when the elements are others. */
  readonly revision: number;
}

/**
 * All of the table that policies decide about. What every table has, its base chains, is the kernel's side.
 */
export interface PolicyTable {
  readonly sets: ReadonlyMap<string, PolicySet>;
  readonly chains: ReadonlyMap<string, PolicyChain>;
  /** By map and address: the chain. */
  readonly pods: Readonly<Record<PodMap, ReadonlyMap<string, string>>>;
}

/** Whether no pod of this node is under a policy: then the kernel has no table, and packets no work. */
export function isEmptyTable({ sets, chains, pods }: PolicyTable): boolean {
  return sets.size === 0 && chains.size === 0 && Object.values(pods).every((map) => map.size === 0);
}
