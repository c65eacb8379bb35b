import type { Namespace, PeerNode, Pod } from "../../plan/policy/model.ts";
import type { ObjectChange as EngineChange } from "../../plan/policy/state/objects/object-change.ts";
import type { ObjectChange } from "../reflector/object-store.ts";
import type { PolicyObject } from "./kinds.ts";

/** What became of an object, for the engine; an object that cannot be used is as if it had gone. */
type Translate<T> = (change: ObjectChange<T>) => EngineChange | undefined;

export const podChange: Translate<Pod> = (change) => {
  const after = afterOf(change);
  const { namespace, name } = after ?? splitKey(change.key);
  return { kind: "pod", namespace, name, pod: after };
};

export const namespaceChange: Translate<Namespace> = (change) => {
  return { kind: "namespace", name: change.key, namespace: afterOf(change) };
};

export const nodeChange: Translate<PeerNode> = (change) => {
  return { kind: "node", name: change.key, node: afterOf(change) };
};

/** Undefined: an object that never had a name came to nothing. */
export const policyChange: Translate<PolicyObject> = (change) => {
  const after = afterOf(change);
  if (after === undefined) {
    const before = "before" in change ? change.before : undefined;
    return before && { kind: "policy", name: before.name, spec: undefined };
  }
  return { kind: "policy", ...after };
};

function afterOf<T>(change: ObjectChange<T>): T | undefined {
  return "after" in change ? change.after : undefined;
}

function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name };
}
