import { garbageError } from "../api/api-error.ts";
import { isNodeName } from "./node-fields.ts";
import type { ClusterNode } from "./node-view.ts";
import { isFields, isSameNode, projectNode } from "./project-node.ts";
import type { WatchEvent } from "../reflector/watch-objects.ts";

/** Usable nodes, and the reason for each unusable one; a name is in one of the two at most. */
export interface NodeMap {
  readonly nodes: Map<string, ClusterNode>;
  readonly skipped: Map<string, string>;
}

/** Stands in the map of skipped nodes for those whose name cannot be told; no node can be called so. */
export const UNNAMED = "(no name)";

export function createNodeMap(): NodeMap {
  return { nodes: new Map(), skipped: new Map() };
}

/** Projects a raw Node and puts it where it belongs; answers its name. */
export function putNode({ nodes, skipped }: NodeMap, raw: unknown): string {
  const projection = projectNode(raw);
  if (projection.kind === "node") {
    const { node } = projection;
    nodes.set(node.name, node);
    skipped.delete(node.name);
    return node.name;
  }
  const { name = UNNAMED, reason } = projection;
  skipped.set(name, reason);
  nodes.delete(name);
  return name;
}

/**
 * Applies an event; answers the name of the node when anything that the agent uses has changed: most events of a cluster are
 * heartbeats. Throws when a deleted node cannot be told, since only a list can show what is left then.
 */
export function applyEvent(map: NodeMap, { type, object }: WatchEvent): string | undefined {
  if (type === "BOOKMARK") return undefined;
  const name = nameOf(object);
  if (type === "DELETED") {
    if (name === undefined) throw garbageError("a node without name was deleted");
    const wasSkipped = map.skipped.delete(name);
    return map.nodes.delete(name) || wasSkipped ? name : undefined;
  }
  const key = name ?? UNNAMED;
  const before = { node: map.nodes.get(key), reason: map.skipped.get(key) };
  putNode(map, object);
  const node = map.nodes.get(key);
  const isSame =
    before.reason === map.skipped.get(key) &&
    (before.node === undefined || node === undefined ? before.node === node : isSameNode(before.node, node));
  return isSame ? undefined : key;
}

function nameOf(object: WatchEvent["object"]): string | undefined {
  const metadata = object["metadata"];
  return isFields(metadata) && isNodeName(metadata["name"]) ? metadata["name"] : undefined;
}
