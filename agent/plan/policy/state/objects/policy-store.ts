import {
  type Namespace,
  type Pod,
  type PodSelector,
  type Policy,
  type PolicyName,
  policyKey,
} from "../../model.ts";
import { parseAgain } from "../../parse/parse-policy.ts";
import { matchesNamespace, matchesPod } from "../../selectors.ts";
import { createSelectorIndex } from "../selector-index.ts";

/**
 * Policies by what they are about. Those that select no pod of this node are kept as text: there may be ten
 * thousand.
 */
export interface PolicyStore {
  readonly size: number;
  /** What each is about. */
  subjects(): IterableIterator<PolicySubject>;
  /** Undefined: it is gone. */
  set(name: PolicyName, policy: Policy | undefined): void;
  /** Those that select a pod: the same objects for as long as somebody holds them. */
  selecting(pod: Pick<Pod, "namespace" | "labels">, namespace: Namespace | undefined): readonly Policy[];
  /** Whether there is one that selects pods of the namespace, whatever their labels. */
  concerns(name: string, namespace: Namespace | undefined): boolean;
}

export interface PolicySubject {
  readonly policy: PolicyName;
  readonly subject: PodSelector;
}

interface Entry extends PolicySubject {
  /** The object itself where it has no text. */
  readonly spec: string | Policy;
  read: WeakRef<Policy> | undefined;
}

export function createPolicyStore(): PolicyStore {
  const entries = new Map<string, Entry>();
  const index = createSelectorIndex<Entry>();
  const counts = new Map<string, number>();
  const cluster = new Set<Entry>();
  const count = (namespace: string, change: number): void => {
    const next = (counts.get(namespace) ?? 0) + change;
    if (next > 0) counts.set(namespace, next);
    else counts.delete(namespace);
  };
  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    index.remove(entry.subject, entry);
    cluster.delete(entry);
    if (entry.policy.namespace !== undefined) count(entry.policy.namespace, -1);
  };
  return {
    get size() {
      return entries.size;
    },
    subjects: () => entries.values(),
    set(policyName, policy) {
      const key = policyKey(policyName);
      remove(key);
      if (policy === undefined) return;
      const { kind, namespace, name, subject, spec = policy } = policy;
      const entry: Entry = { policy: { kind, namespace, name }, subject, spec, read: undefined };
      entries.set(key, entry);
      index.add(entry.subject, entry);
      if (namespace === undefined) cluster.add(entry);
      else count(namespace, 1);
    },
    selecting(pod, namespace) {
      return [...index.candidates(pod, namespace)]
        .filter(({ subject }) => matchesPod(subject, pod, namespace))
        .map(readEntry);
    },
    concerns(name, namespace) {
      return (
        counts.has(name) || [...cluster].some(({ subject }) => matchesNamespace(subject, name, namespace))
      );
    },
  };
}

function readEntry(entry: Entry): Policy {
  if (typeof entry.spec !== "string") return entry.spec;
  const known = entry.read?.deref();
  if (known !== undefined) return known;
  const policy = parseAgain(entry.spec, entry.policy);
  entry.read = new WeakRef(policy);
  return policy;
}
