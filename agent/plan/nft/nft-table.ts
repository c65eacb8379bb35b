/** Name of our nftables tables: one of family inet, one of family bridge. */
export const TABLE_NAME = "causeway";

/**
 * Name of the table of network policies, of family inet. It is not listed with nft: that takes a minute in a
 * large cluster.
 */
export const POLICY_TABLE_NAME = "causeway-policy";

/** Whether a table is ours, by its name. */
export function isOwnTable(name: string): boolean {
  return name === TABLE_NAME || name === POLICY_TABLE_NAME;
}

/**
 * A set or map with its elements, as they are written: {@link formatFields} of netlink/nft-values.ts gives
 * the same back, so values are in numbers.
 */
export interface NftSet {
  readonly name: string;
  /** Of the keys: `ipv4_addr`, or several joined by ` . `. */
  readonly type: string;
  /** Expressions that have this type, where it cannot be declared by name. */
  readonly typeof?: string;
  /** Type of the values: then it is a map. */
  readonly values: string | undefined;
  /** Elements are prefixes. */
  readonly isInterval: boolean;
  /** `KEY [comment "TEXT"] [: VALUE]`. */
  readonly elements: readonly string[];
}

export interface NftChain {
  readonly name: string;
  readonly type: "nat" | "filter";
  readonly hook: "prerouting" | "postrouting" | "input" | "forward" | "output";
  readonly priority: number;
  /** Rule text without the comment. */
  readonly rules: readonly { readonly name: string; readonly text: string }[];
  /** Asks what other chains have written on a packet: it comes to a table only after those write it. */
  readonly isLast?: true;
}

/** Leads packets of established connections past all chains, at the ingress of its devices. */
export interface NftFlowTable {
  readonly name: string;
  readonly priority: number;
  /** Names of links: see {@link withElements}. */
  readonly devices: readonly string[];
}

export interface NftTable {
  readonly family: "inet" | "bridge";
  /** Names of counters that rules share. */
  readonly counters: readonly string[];
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
  /** Undefined: there is none, and nobody looks for one. */
  readonly flowTable?: NftFlowTable | undefined;
}

/** All tables of ours, each called {@link TABLE_NAME}. */
export type Ruleset = readonly NftTable[];
