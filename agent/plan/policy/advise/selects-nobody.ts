import { objectKey, type PolicyName, type Rule } from "../model.ts";
import { findPods, namespacesOf } from "../state/objects/object-store.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import { planWatches } from "../watches.ts";

/**
 * Which pods are known besides this node's own: those of the whole cluster, those that {@link planWatches}
 * asks for, or none for certain.
 */
export type KnownPods = "all" | "watched" | "own";

type Objects = Pick<PolicyEngine, "objects" | "policies" | "lists">;

/**
 * Policies that are known to select no pod of the whole cluster, in words. Where other nodes' pods are not
 * watched, nobody knows.
 */
export function* unselecting(engine: Objects, known: KnownPods): Generator<string> {
  const isKnown = createKnowledge(engine, known);
  for (const subject of engine.policies.subjects()) {
    const { policy } = subject;
    const names = namespacesOf(subject, engine.objects);
    if (names.length === 0) yield `${titleOf(policy)} selects no namespace, so that it does nothing`;
    else if (names.every(isKnown) && findPods(engine.objects, subject).size === 0)
      yield `${titleOf(policy)} selects no pod at present, so that it does nothing`;
  }
}

/** Whether all pods of a namespace are known. */
function createKnowledge(engine: Objects, known: KnownPods): (namespace: string) => boolean {
  if (known !== "watched") return () => known === "all";
  const { pods } = planWatches(engine);
  if (pods.kind === "namespaces")
    return (name) => pods.namespaces.has(name) && pods.namespaces.get(name) === undefined;
  return () => pods.kind === "cluster" && pods.labelSelector === undefined;
}

/** Whether a peer of a rule chooses namespaces by label, and no namespace has it. */
export function selectsNoNamespace({ peers = [] }: Rule, objects: Objects["objects"]): boolean {
  return peers.some((peer) => peer.kind === "pods" && namespacesOf(peer.selector, objects).length === 0);
}

function titleOf({ kind, namespace, name }: PolicyName): string {
  return `${kind} ${objectKey(namespace, name)}`;
}
