import type { Labels } from "../labels.ts";
import type { LabelSelector, Namespace, Pod, PodChoice } from "../model.ts";

/** Finds selectors that may match a pod by what it has, not by looking at all of them. */
export interface SelectorIndex<Item extends object> {
  add(selector: PodChoice, item: Item): void;
  remove(selector: PodChoice, item: Item): void;
  /** Items whose selector may match, each once; whether it does is for {@link matchesPod} to say. */
  candidates(pod: Pick<Pod, "namespace" | "labels">, namespace: Namespace | undefined): Iterable<Item>;
}

/** By anchor; most hold one item, which needs no set around it. */
type Places<Item extends object> = ReadonlyMap<string, Item | Set<Item>>;

/** Scope of selectors that choose namespaces by label. No namespace has this name. */
const CLUSTER = "";

/** Where selectors are that hold for pods without any label. */
const NO_ANCHOR = "";

/**
 * A selector lies at one thing that a pod must have to match: its namespace by name, and one label of the
 * pod, else one of the namespace. So a pod meets those that name what it has, and those that name nothing.
 */
export function createSelectorIndex<Item extends object>(): SelectorIndex<Item> {
  const scopes = new Map<string, Map<string, Item | Set<Item>>>();
  const placesOf = (selector: PodChoice): [scope: string, anchors: readonly string[]] => {
    return [typeof selector.namespaces === "string" ? selector.namespaces : CLUSTER, anchorsOf(selector)];
  };
  return {
    add(selector, item) {
      const [scope, anchors] = placesOf(selector);
      const places = scopes.get(scope) ?? new Map<string, Item | Set<Item>>();
      scopes.set(scope, places);
      for (const anchor of anchors) {
        const items = places.get(anchor);
        if (items instanceof Set) items.add(item);
        else places.set(anchor, items === undefined ? item : new Set([items, item]));
      }
    },
    remove(selector, item) {
      const [scope, anchors] = placesOf(selector);
      const places = scopes.get(scope);
      for (const anchor of anchors) {
        const items = places?.get(anchor);
        if (items instanceof Set) items.delete(item);
        if (items === item || (items instanceof Set && items.size === 0)) places?.delete(anchor);
      }
      if (places?.size === 0) scopes.delete(scope);
    },
    *candidates({ namespace: name, labels }, namespace) {
      for (const scope of [name, CLUSTER]) {
        const places = scopes.get(scope);
        if (places === undefined) continue;
        yield* itemsAt(places, NO_ANCHOR);
        yield* atLabels(places, "pod", labels);
        if (scope === CLUSTER && namespace !== undefined) yield* atLabels(places, "ns", namespace.labels);
      }
    },
  };
}

function itemsAt<Item extends object>(places: Places<Item>, anchor: string): Iterable<Item> {
  const items = places.get(anchor);
  return items === undefined ? [] : items instanceof Set ? items : [items];
}

function* atLabels<Item extends object>(
  places: Places<Item>,
  kind: "pod" | "ns",
  labels: Labels,
): Iterable<Item> {
  for (let index = 0; index < labels.length; index += 2) {
    const [key = "", value = ""] = [labels[index], labels[index + 1]];
    yield* itemsAt(places, valueAnchor(kind, key, value));
    yield* itemsAt(places, keyAnchor(kind, key));
  }
}

/** A pod that matches has exactly one of these: no label has two values. */
function anchorsOf({ namespaces, pods }: PodChoice): readonly string[] {
  return (
    anchorsIn("pod", pods) ??
    (typeof namespaces === "string" ? undefined : anchorsIn("ns", namespaces)) ?? [NO_ANCHOR]
  );
}

function anchorsIn(kind: "pod" | "ns", { requirements }: LabelSelector): readonly string[] | undefined {
  const [least] = requirements
    .filter(({ operator }) => operator === "In")
    .toSorted((a, b) => a.values.length - b.values.length);
  if (least !== undefined) return least.values.map((value) => valueAnchor(kind, least.key, value));
  const exists = requirements.find(({ operator }) => operator === "Exists");
  return exists && [keyAnchor(kind, exists.key)];
}

function valueAnchor(kind: "pod" | "ns", key: string, value: string): string {
  return `${kind} ${key}=${value}`;
}

function keyAnchor(kind: "pod" | "ns", key: string): string {
  return `${kind} ${key}`;
}
