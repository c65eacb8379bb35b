import type { WatchedKind } from "../reflector/kind.ts";
import { createReflector } from "../reflector/reflector.ts";
import type { ReflectorOptions } from "../reflector/run.ts";
import type { ClusterNode, NodeView } from "./node-view.ts";
import { isSameNode, projectNode } from "./project-node.ts";

export interface NodeReflectorOptions
  extends Pick<ReflectorOptions<ClusterNode>, "client" | "log" | "clock" | "random"> {
  readonly nodeName: string;
  readonly onChange: () => void;
}

export const NODES_PATH = "/api/v1/nodes";

function nodesSeenBy(nodeName: string): WatchedKind<ClusterNode> {
  return {
    kind: "Node",
    resource: "nodes",
    group: "",
    noun: "node",
    project: (raw) => projectNode(raw, nodeName),
    isSame: isSameNode,
  };
}

/** Follows the Node objects of a cluster, by {@link createReflector}. */
export function createNodeReflector({ nodeName, onChange, ...options }: NodeReflectorOptions): NodeView {
  const { objects, ...reflector } = createReflector({
    ...options,
    kind: nodesSeenBy(nodeName),
    scope: { path: NODES_PATH },
    onChange: () => onChange(),
  });
  return { ...reflector, nodes: objects };
}
