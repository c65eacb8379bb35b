import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../log.ts";
import { watchFile } from "../watch-file.ts";
import type { ClusterNode, NodeView } from "./node-view.ts";
import { type KnownEntries, parseNodesFile } from "./parse-nodes-file.ts";

export interface NodesFileOptions {
  readonly path: string;
  readonly onChange: () => void;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * The nodes that a file names (see parseNodesFile), watched for changes by {@link watchFile}. Before a first
 * good state the view is not complete.
 */
export function watchNodesFile(options: NodesFileOptions): NodeView {
  let nodes: ReadonlyMap<string, ClusterNode> = new Map();
  const skipped: ReadonlyMap<string, string> = new Map();
  let known: KnownEntries = new Map();
  const file = watchFile({
    ...options,
    noun: "nodes file",
    async take(text) {
      const read = await parseNodesFile(text, { known, breathe: setImmediate });
      known = read.known;
      if (read.kind === "faulty") return { faults: read.faults };
      nodes = read.nodes;
      return { counts: { nodes: nodes.size } };
    },
  });
  return {
    nodes: () => nodes,
    skipped: () => skipped,
    isComplete: file.isComplete,
    fault: file.fault,
    stats: () => ({ watchRestarts: file.restarts(), lastEventMs: file.lastGoodMs() }),
    close: file.close,
  };
}
