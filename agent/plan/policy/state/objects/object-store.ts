import {
  type LabelSelector,
  type Namespace,
  type PeerNode,
  type Pod,
  type PodChoice,
  takesPart,
} from "../../model.ts";
import { matchesLabels, matchesNamespace } from "../../selectors.ts";

/** Objects that are known, each pod with the addresses that count. */
export interface ObjectStore {
  readonly namespaces: Map<string, Namespace>;
  readonly nodes: Map<string, PeerNode>;
  /** Pods that take part, by namespace and name. */
  readonly podsByNamespace: ReadonlyMap<string, ReadonlyMap<string, Pod>>;
  podOf(namespace: string, name: string): Pod | undefined;
  setPod(namespace: string, name: string, pod: Pod | undefined): void;
}

export function createObjectStore(): ObjectStore {
  const podsByNamespace = new Map<string, Map<string, Pod>>();
  return {
    namespaces: new Map(),
    nodes: new Map(),
    podsByNamespace,
    podOf: (namespace, name) => podsByNamespace.get(namespace)?.get(name),
    setPod(namespace, name, pod) {
      const pods = podsByNamespace.get(namespace) ?? new Map<string, Pod>();
      if (pod === undefined) pods.delete(name);
      else pods.set(name, pod);
      if (pods.size === 0) podsByNamespace.delete(namespace);
      else podsByNamespace.set(namespace, pods);
    },
  };
}

/** Whether two pods differ in nothing that decides. */
export function isSamePod(a: Pod, b: Pod): boolean {
  return (
    a.uid === b.uid &&
    a.labels === b.labels &&
    a.ports === b.ports &&
    a.node === b.node &&
    takesPart(a) === takesPart(b) &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, index) => address === b.addresses[index])
  );
}

/** The first pod that has an address, of those that may count. */
export function findPodAt(
  { podsByNamespace }: Pick<ObjectStore, "podsByNamespace">,
  address: string,
  mayCount: (pod: Pod) => boolean = () => true,
): Pod | undefined {
  for (const pods of podsByNamespace.values())
    for (const pod of pods.values()) if (pod.addresses.includes(address) && mayCount(pod)) return pod;
  return undefined;
}

/** Namespaces that a selector holds for at present; one that it has by name may be unknown. */
export function namespacesOf(
  selector: PodChoice,
  { namespaces }: Pick<ObjectStore, "namespaces">,
): readonly string[] {
  if (typeof selector.namespaces === "string") return [selector.namespaces];
  return [...namespaces.values()]
    .filter((namespace) => matchesNamespace(selector, namespace.name, namespace))
    .map(({ name }) => name);
}

export function findPods(
  store: Pick<ObjectStore, "namespaces" | "podsByNamespace">,
  selector: PodChoice,
): Set<Pod> {
  const found = new Set<Pod>();
  const names =
    typeof selector.namespaces === "string" ? [selector.namespaces] : store.podsByNamespace.keys();
  for (const name of names) {
    if (!matchesNamespace(selector, name, store.namespaces.get(name))) continue;
    for (const pod of store.podsByNamespace.get(name)?.values() ?? [])
      if (matchesLabels(selector.pods, pod.labels)) found.add(pod);
  }
  return found;
}

export function findNodes(store: ObjectStore, selector: LabelSelector): Set<PeerNode> {
  return new Set([...store.nodes.values()].filter(({ labels }) => matchesLabels(selector, labels)));
}
