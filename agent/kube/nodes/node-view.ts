import type { PublishedKey } from "../../plan/peers/claim.ts";

/** What the agent keeps of a node. Addresses and prefixes are canonical text. */
export interface ClusterNode {
  readonly name: string;
  /**
   * Of this node alone, which writes to its own object: thousands would be felt. Changes when a node is
   * deleted and made again under the same name, as `createdMs` does.
   */
  readonly uid?: string;
  readonly createdMs: number;
  /** Internal addresses in the order of the source: the first of a family is the one to use. */
  readonly addresses: readonly string[];
  /** In the order of the source; empty while none are assigned. */
  readonly podCIDRs: readonly string[];
  /** Undefined: the node publishes none. */
  readonly wireguard?: PublishedKey | undefined;
}

export interface NodeViewStats {
  /** How often a watch, or the reading of the file, began anew. */
  readonly watchRestarts: number;
  /**
   * When the source last said anything of use, on the clock that the view was given; undefined before that. A
   * good file says it whenever it is read.
   */
  readonly lastEventMs: number | undefined;
}

/**
 * The nodes of the cluster as one source knows them. A view is level-triggered: `onChange`, given at
 * construction, only says that something may differ now. It is called after a change of any answer below
 * except {@link NodeView.stats}.
 */
export interface NodeView {
  /** All valid nodes by name; the last known ones while the source is away. */
  nodes(): ReadonlyMap<string, ClusterNode>;
  /** Nodes that could not be used, by name, with the reason. */
  skipped(): ReadonlyMap<string, string>;
  /** False until the first complete list: before that, a node that is not in the map may still exist. */
  isComplete(): boolean;
  /** Why the source does not work right now, as a sentence; undefined while it works. */
  fault(): string | undefined;
  stats(): NodeViewStats;
  /** Ends all timers, watches and connections; `onChange` is not called any more. May be repeated. */
  close(): Promise<void>;
}
