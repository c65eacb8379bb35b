import type { WatchedKind } from "../reflector/kind.ts";
import { createReflector } from "../reflector/reflector.ts";
import type { ReflectorOptions } from "../reflector/run.ts";
import type { ClusterNode, NodeView } from "./node-view.ts";
import { isSameNode, projectNode } from "./project-node.ts";

export interface NodeReflectorOptions
  extends Pick<ReflectorOptions<ClusterNode>, "client" | "log" | "clock" | "random"> {
  readonly onChange: () => void;
}

export const NODES_PATH = "/api/v1/nodes";

export const NODES: WatchedKind<ClusterNode> = {
  kind: "Node",
  resource: "nodes",
  group: "",
  noun: "node",
  project: projectNode,
  isSame: isSameNode,
};

/** Follows the Node objects of a cluster, by {@link createReflector}. */
export function createNodeReflector({ onChange, ...options }: NodeReflectorOptions): NodeView {
  const { objects, ...reflector } = createReflector({
    ...options,
    kind: NODES,
    scope: { path: NODES_PATH },
    onChange: () => onChange(),
  });
  return { ...reflector, nodes: objects };
}
