import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";

/** A policy that came or changed, a ClusterNetworkPolicy where it has no namespace; without a spec it went. */
export function policyChange(
  namespace: string | undefined,
  name: string,
  spec: unknown,
): Extract<ObjectChange, { readonly kind: "policy" }> {
  const kind = namespace === undefined ? "ClusterNetworkPolicy" : "NetworkPolicy";
  return { kind: "policy", name: { kind, namespace, name }, spec: JSON.stringify(spec) };
}
