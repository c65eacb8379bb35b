import type { Namespace, Pod, PodChoice, Policy, PolicyName } from "../../model.ts";
import { parsePolicy } from "../../parse/parse-policy.ts";
import { matchesNamespace, matchesPod } from "../../selectors.ts";
import { createSelectorIndex } from "../selector-index.ts";

/**
 * Policies by what they are about. Those that select no pod of this node are kept as text: there may be ten
 * thousand.
 */
export interface PolicyStore {
  readonly size: number;
  subjects(): Iterable<PolicySubject>;
  /** Takes what it says as JSON; undefined: it is gone. */
  set(name: PolicyName, spec: string | undefined): void;
  /** What was read of policies of own pods a moment ago is let go: it can be read again. */
  release(): void;
  /** Those that select a pod: the same objects for as long as somebody holds them. */
  selecting(pod: Pick<Pod, "namespace" | "labels">, namespace: Namespace | undefined): readonly Policy[];
  /** Whether there is one that may select pods of the namespace, whatever their labels. */
  concerns(namespace: string): boolean;
  /**
   * Whether nobody can tell which policies select a namespace's pods: they go by its labels, and its object
   * is not known.
   */
  areUnclear(namespace: string): boolean;
  /** Those that cannot be wholly read. */
  readonly faulty: Pick<ReadonlyMap<unknown, FaultyPolicy>, "size" | "values">;
}

export type FaultyPolicy = Pick<Policy, "tier" | "namespace" | "name" | "faults">;

/** Whom a policy is about. */
export interface PolicySubject extends PodChoice {
  readonly policy: PolicyName;
}

interface Entry extends PolicySubject {
  readonly spec: string;
  read: WeakRef<Policy> | undefined;
}

export interface PolicyStoreInput {
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** Whether pods of this node are among those that a policy is about. */
  readonly selectsOwn: (subject: PolicySubject) => boolean;
}

export function createPolicyStore({ namespaces, selectsOwn }: PolicyStoreInput): PolicyStore {
  /** By namespace, undefined for ClusterNetworkPolicies, and by name. */
  const entries = new Map<string | undefined, Map<string, Entry>>();
  const index = createSelectorIndex<Entry>();
  const faulty = new Map<Entry, FaultyPolicy>();
  /** Its pods are placed anew, and need it. */
  const held = new Set<Policy>();
  let size = 0;
  const remove = ({ namespace, name }: PolicyName): void => {
    const siblings = entries.get(namespace);
    const entry = siblings?.get(name);
    if (siblings === undefined || entry === undefined) return;
    siblings.delete(name);
    if (siblings.size === 0) entries.delete(namespace);
    index.remove(entry, entry);
    faulty.delete(entry);
    size -= 1;
  };
  const add = (policy: PolicyName, spec: string): void => {
    const read = parsePolicy(spec, policy);
    const { tier, namespace, name, subject, faults } = read;
    const entry: Entry = {
      policy,
      namespaces: subject.namespaces,
      pods: subject.pods,
      spec,
      read: undefined,
    };
    if (selectsOwn(entry)) {
      held.add(read);
      entry.read = new WeakRef(read);
    }
    const siblings = entries.get(namespace) ?? new Map<string, Entry>();
    entries.set(namespace, siblings);
    siblings.set(name, entry);
    index.add(entry, entry);
    if (faults.length > 0) faulty.set(entry, { tier, namespace, name, faults });
    size += 1;
  };
  return {
    get size() {
      return size;
    },
    *subjects() {
      for (const siblings of entries.values()) yield* siblings.values();
    },
    set(policy, spec) {
      remove(policy);
      if (spec !== undefined) add(policy, spec);
    },
    release: () => held.clear(),
    selecting(pod, namespace) {
      return [...index.candidates(pod, namespace)]
        .filter((entry) => matchesPod(entry, pod, namespace))
        .map(readEntry);
    },
    ...askNamespaces(entries, namespaces),
    faulty,
  };
}

function askNamespaces(
  entries: ReadonlyMap<string | undefined, ReadonlyMap<string, Entry>>,
  namespaces: PolicyStoreInput["namespaces"],
): Pick<PolicyStore, "concerns" | "areUnclear"> {
  const ofCluster = (): readonly Entry[] => [...(entries.get(undefined)?.values() ?? [])];
  return {
    concerns(name) {
      const namespace = namespaces.get(name);
      return (
        entries.has(name) ||
        ofCluster().some((entry) => namespace === undefined || matchesNamespace(entry, name, namespace))
      );
    },
    areUnclear: (name) =>
      !namespaces.has(name) && ofCluster().some((entry) => !matchesNamespace(entry, name, undefined)),
  };
}

function readEntry(entry: Entry): Policy {
  const known = entry.read?.deref();
  if (known !== undefined) return known;
  const policy = parsePolicy(entry.spec, entry.policy);
  entry.read = new WeakRef(policy);
  return policy;
}
