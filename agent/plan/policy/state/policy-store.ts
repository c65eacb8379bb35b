import { type Namespace, objectKey, type Pod, type Policy } from "../model.ts";
import { matchesNamespace, matchesPod } from "../selectors.ts";
import { createSelectorIndex } from "./selector-index.ts";

/** Policies by what they are about. */
export interface PolicyStore {
  /** By kind, namespace and name. */
  readonly policies: ReadonlyMap<string, Policy>;
  set(key: string, policy: Policy | undefined): void;
  /** Those that select a pod. */
  selecting(pod: Pick<Pod, "namespace" | "labels">, namespace: Namespace | undefined): readonly Policy[];
  /** Whether there is one that selects pods of the namespace, whatever their labels: one without policies waits for nothing. */
  concerns(name: string, namespace: Namespace | undefined): boolean;
}

/** Policies of both kinds have names of their own. */
export function policyKey({ kind, namespace, name }: Pick<Policy, "kind" | "namespace" | "name">): string {
  return `${kind} ${objectKey(namespace, name)}`;
}

export function createPolicyStore(): PolicyStore {
  const policies = new Map<string, Policy>();
  const index = createSelectorIndex<Policy>();
  const counts = new Map<string, number>();
  const cluster = new Set<Policy>();
  const remove = (policy: Policy): void => {
    index.remove(policy.subject, policy);
    cluster.delete(policy);
    if (policy.namespace === undefined) return;
    const count = (counts.get(policy.namespace) ?? 0) - 1;
    if (count > 0) counts.set(policy.namespace, count);
    else counts.delete(policy.namespace);
  };
  return {
    policies,
    set(key, policy) {
      const before = policies.get(key);
      if (before !== undefined) remove(before);
      policies.delete(key);
      if (policy === undefined) return;
      policies.set(key, policy);
      index.add(policy.subject, policy);
      if (policy.namespace === undefined) cluster.add(policy);
      else counts.set(policy.namespace, (counts.get(policy.namespace) ?? 0) + 1);
    },
    selecting(pod, namespace) {
      return [...index.candidates(pod, namespace)].filter(({ subject }) =>
        matchesPod(subject, pod, namespace),
      );
    },
    concerns(name, namespace) {
      return (
        counts.has(name) || [...cluster].some(({ subject }) => matchesNamespace(subject, name, namespace))
      );
    },
  };
}
