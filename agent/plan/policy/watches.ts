import type { PodSelector, Requirement } from "./model.ts";
import { namespacesOf } from "./state/objects/object-store.ts";
import type { PolicyEngine } from "./state/policy-engine.ts";

/** What the API server must be asked for besides this node's own pods, namespaces and policies. */
export interface WatchNeeds {
  readonly pods: PodWatches;
  /** Whether `nodes` peers count, so that labels and all addresses of Node objects are needed. */
  readonly nodes: boolean;
}

/**
 * `labelSelector` as the API's parameter writes it: what all who ask have in common; undefined: pods of any
 * labels.
 */
export type PodWatches =
  | { readonly kind: "none" }
  | { readonly kind: "namespaces"; readonly namespaces: ReadonlyMap<string, string | undefined> }
  | { readonly kind: "cluster"; readonly labelSelector: string | undefined };

/** More watches than these cost an API server more than one of everything. */
const MAX_NAMESPACES = 32;

/**
 * Finds what selectors of this node's groups ask for: no more is watched than they name, and nothing where
 * they name nobody.
 */
export function planWatches({ lists, objects }: Pick<PolicyEngine, "lists" | "objects">): WatchNeeds {
  const selectors: PodSelector[] = [];
  let nodes = false;
  for (const { of } of lists.values())
    if (of.kind === "pods") selectors.push(of.selector);
    else nodes = true;
  return { pods: planPodWatches(selectors, objects), nodes };
}

function planPodWatches(selectors: readonly PodSelector[], objects: PolicyEngine["objects"]): PodWatches {
  const byNamespace = new Map<string, PodSelector[]>();
  for (const selector of selectors) {
    if (isOverAll(selector) || byNamespace.size > MAX_NAMESPACES) return inCluster(selectors);
    for (const name of namespacesOf(selector, objects)) {
      const asking = byNamespace.get(name);
      if (asking === undefined) byNamespace.set(name, [selector]);
      else asking.push(selector);
    }
  }
  if (byNamespace.size > MAX_NAMESPACES) return inCluster(selectors);
  if (byNamespace.size === 0) return { kind: "none" };
  const watches = [...byNamespace].map(([name, asking]) => [name, commonSelector(asking)] as const);
  return { kind: "namespaces", namespaces: new Map(watches) };
}

/** One over all namespaces is for those to come, too. */
function isOverAll({ namespaces }: PodSelector): boolean {
  return typeof namespaces !== "string" && namespaces.requirements.length === 0;
}

function inCluster(selectors: readonly PodSelector[]): PodWatches {
  return { kind: "cluster", labelSelector: commonSelector(selectors) };
}

/** Requirements that all selectors have. */
function commonSelector([first, ...others]: readonly PodSelector[]): string | undefined {
  const isCommon = ({ text, isValid }: Requirement): boolean =>
    isValid && others.every(({ pods }) => pods.requirements.some((requirement) => requirement.text === text));
  const common = first?.pods.requirements.filter(isCommon) ?? [];
  return common.length === 0 ? undefined : common.map(({ text }) => text).join(",");
}
