import { createInterner, type Labels, labelValue } from "./labels.ts";
import type { LabelSelector, Namespace, Pod, PodChoice, PodSelector, Requirement } from "./model.ts";

/** Syntax of the API (apimachinery, pkg/util/validation): others than these cannot stand in a query. */
const LABEL_KEY = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/;

// Thousands of policies name the same labels: what is equal is one object.
const labelSelectors = createInterner<LabelSelector>(({ text }) => text);

export function requirementOf(
  key: string,
  operator: Requirement["operator"],
  given: readonly string[] = [],
): Requirement {
  const values = [...new Set(given)].toSorted();
  const isValid = LABEL_KEY.test(key) && values.every((value) => LABEL_VALUE.test(value));
  // Quoted, what has blanks and commas of its own is no other requirement's text.
  const quote = (text: string): string => (isValid ? text : JSON.stringify(text));
  const list = `(${values.map(quote).join(",")})`;
  const text = {
    In: `${quote(key)} in ${list}`,
    NotIn: `${quote(key)} notin ${list}`,
    Exists: quote(key),
    DoesNotExist: `!${quote(key)}`,
  }[operator];
  return { key, operator, values, text, isValid };
}

export function labelSelectorOf(given: readonly Requirement[]): LabelSelector {
  const byText = new Map(given.map((requirement) => [requirement.text, requirement]));
  const sorted = [...byText.values()].toSorted((a, b) => (a.text < b.text ? -1 : 1));
  return labelSelectors.intern({ requirements: sorted, text: sorted.map(({ text }) => text).join(",") });
}

/** Holds for all labels. */
export const EVERYTHING: LabelSelector = labelSelectorOf([]);

export function podSelectorOf(namespaces: string | LabelSelector, pods: LabelSelector): PodSelector {
  const scope = typeof namespaces === "string" ? `in ${namespaces}` : `where ${namespaces.text}`;
  return { namespaces, pods, key: `${scope} | ${pods.text}` };
}

/** All pods of the cluster. */
export const ALL_PODS: PodSelector = podSelectorOf(EVERYTHING, EVERYTHING);

export function matchesLabels(selector: LabelSelector, labels: Labels): boolean {
  for (const requirement of selector.requirements) if (!meets(requirement, labels)) return false;
  return true;
}

function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labelValue(labels, key);
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

/** `namespace` is undefined while its object is not known: then only a name holds for it. */
export function matchesNamespace(
  { namespaces }: Pick<PodChoice, "namespaces">,
  name: string,
  namespace: Namespace | undefined,
): boolean {
  if (typeof namespaces === "string") return namespaces === name;
  if (namespace === undefined) return namespaces.requirements.length === 0;
  return matchesLabels(namespaces, namespace.labels);
}

export function matchesPod(
  selector: PodChoice,
  pod: Pick<Pod, "namespace" | "labels">,
  namespace: Namespace | undefined,
): boolean {
  return matchesNamespace(selector, pod.namespace, namespace) && matchesLabels(selector.pods, pod.labels);
}
