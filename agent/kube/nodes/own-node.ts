import type { ClusterNode, NodeView } from "./node-view.ts";

/** What a view knows of the node that the agent runs on. */
export type OwnNode =
  /** Nothing yet: the source has not answered. */
  | { readonly kind: "unknown"; readonly reason: string }
  /** The source answered, and there is no usable node of that name. */
  | { readonly kind: "unusable"; readonly reason: string }
  /** The node is there, and waits for its PodCIDRs. */
  | { readonly kind: "unassigned"; readonly node: ClusterNode; readonly reason: string }
  | { readonly kind: "assigned"; readonly node: ClusterNode };

/** State of the node `name` in a view; `reason` is a sentence for readiness, log and event. */
export function ownNode(
  view: Pick<NodeView, "nodes" | "skipped" | "isComplete" | "fault">,
  name: string,
): OwnNode {
  const node = view.nodes().get(name);
  if (node !== undefined && node.podCIDRs.length > 0) return { kind: "assigned", node };
  if (node !== undefined) {
    const hint =
      'run the controller manager with "--allocate-node-cidrs" and "--cluster-cidr", or set spec.podCIDRs';
    return { kind: "unassigned", node, reason: `Node "${name}" has no PodCIDRs yet: ${hint}` };
  }
  const fault = view.skipped().get(name);
  if (fault !== undefined) return { kind: "unusable", reason: `Cannot use node "${name}": ${fault}` };
  if (view.isComplete()) {
    const hint = 'compare "--node-name" with the names of the nodes';
    return { kind: "unusable", reason: `Cannot find node "${name}": ${hint}` };
  }
  return {
    kind: "unknown",
    reason: view.fault() ?? `Node "${name}" is not known yet: waiting for the first list`,
  };
}
