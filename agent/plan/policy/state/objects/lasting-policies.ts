import type { PolicyName } from "../../model.ts";
import type { ObjectStore } from "./object-store.ts";
import type { OwnPods } from "./own-pods.ts";

/**
 * NetworkPolicies that go with their namespace, and often before its pods, which would be open until they end
 * (CVE-2024-7598). They hold for as long as this node has pods of the namespace.
 */
export interface LastingPolicies {
  /** The policy was deleted; whether it holds on. */
  keep(name: PolicyName): boolean;
  /** There is one of this name again. */
  forget(name: PolicyName): void;
  /** Those of a namespace that hold no longer: to be asked whenever it, or a pod of it, has changed. */
  over(namespace: string): Iterable<PolicyName>;
}

export function createLastingPolicies(
  { namespaces }: Pick<ObjectStore, "namespaces">,
  own: Pick<OwnPods, "keysIn">,
): LastingPolicies {
  const kept = new Map<string, Map<string, PolicyName>>();
  const hasPods = (namespace: string): boolean => [...own.keysIn(namespace)].length > 0;
  return {
    keep(policy) {
      const { namespace, name } = policy;
      if (namespace === undefined || namespaces.get(namespace)?.isEnding !== true) return false;
      if (!hasPods(namespace)) return false;
      kept.set(namespace, (kept.get(namespace) ?? new Map<string, PolicyName>()).set(name, policy));
      return true;
    },
    forget({ namespace = "", name }) {
      kept.get(namespace)?.delete(name);
    },
    over(namespace) {
      const policies = kept.get(namespace);
      // One that has its name is another namespace.
      if (policies === undefined || (hasPods(namespace) && namespaces.get(namespace)?.isEnding !== false))
        return [];
      kept.delete(namespace);
      return policies.values();
    },
  };
}
