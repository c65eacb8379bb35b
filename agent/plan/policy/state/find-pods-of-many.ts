import type { Pod, PodSelector } from "../model.ts";
import { matchesPod } from "../selectors.ts";
import type { ObjectStore } from "./objects/object-store.ts";
import { createSelectorIndex } from "./selector-index.ts";

interface Search {
  readonly selector: PodSelector;
  readonly found: Set<Pod>;
}

/** Pods of each selector, from one pass over all pods, of which each meets only what may match it. */
export function findPodsOfMany(
  { namespaces, podsByNamespace }: Pick<ObjectStore, "namespaces" | "podsByNamespace">,
  selectors: Iterable<PodSelector>,
): ReadonlyMap<PodSelector, Set<Pod>> {
  const index = createSelectorIndex<Search>();
  const results = new Map<PodSelector, Set<Pod>>();
  for (const selector of selectors) {
    const found = new Set<Pod>();
    results.set(selector, found);
    index.add(selector, { selector, found });
  }
  for (const [name, pods] of podsByNamespace) {
    const namespace = namespaces.get(name);
    for (const pod of pods.values())
      for (const { selector, found } of index.candidates(pod, namespace))
        if (matchesPod(selector, pod, namespace)) found.add(pod);
  }
  return results;
}
