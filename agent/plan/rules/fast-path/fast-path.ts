import type { NftChain, NftFlowTable } from "../../nft/nft-table.ts";

export interface FastPathInput {
  /** Links out of the node that are devices of the flow table, beside the ports of pods. */
  readonly uplinks: readonly string[];
  /** Of connections that policies have ended; undefined where nothing ends them. */
  readonly mark: number | undefined;
}

/** The ingress of a link has nothing else of ours. */
const PRIORITY_FLOW_TABLE = 0;

/** Behind what others filter. */
const PRIORITY_LAST = 300;

const FLOW_TABLE = "established";

/** Of the protocols that a flow table takes. */
const PROTOCOLS = [
  ["tcp", 6],
  ["udp", 17],
] as const;

/** Its devices are each attachment's own: see {@link withElements}. */
export function planFlowTable({ uplinks }: FastPathInput): NftFlowTable {
  return { name: FLOW_TABLE, priority: PRIORITY_FLOW_TABLE, devices: uplinks };
}

/**
 * A connection of a pod takes the fast path from the pod's first packet on that finds it established: all
 * chains have let it pass in both directions by then. One that policies have ended takes it no more.
 */
export function planFastPath(bridge: string, { mark }: FastPathInput): NftChain {
  const isLeft = mark === undefined ? "" : ` ct mark & 0x${mark.toString(16).padStart(8, "0")} == 0`;
  return {
    name: "fast-path",
    type: "filter",
    hook: "forward",
    priority: PRIORITY_LAST,
    rules: PROTOCOLS.map(([name, number]) => ({
      name,
      text: `iifname "${bridge}" meta l4proto ${number} ct state established${isLeft} flow add @${FLOW_TABLE}`,
    })),
  };
}
