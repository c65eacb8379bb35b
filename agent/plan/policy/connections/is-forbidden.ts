import type { PolicyTable } from "../compile/policy-table.ts";
import { evaluate, type Packet } from "../evaluate/evaluate.ts";

/** What of a node decides about connections, besides its table. */
export interface NodeSide {
  /** Whether an address is this node's own. */
  readonly isLocal: (address: string) => boolean;
  /** What the setting `policy.toOwnNode` says of what pods send to their own node. */
  readonly toOwnNode: "enforce" | "allow";
}

/** Whether a connection must not go on. What the node itself sends to pods always may. */
export function isForbidden(table: PolicyTable, packet: Packet, { isLocal, toOwnNode }: NodeSide): boolean {
  if (isLocal(packet.source)) return false;
  if (toOwnNode === "allow" && isLocal(packet.destination)) return false;
  return !evaluate(table, packet).passes;
}
