import type { Policy, PolicyName } from "../model.ts";
import { parseClusterPolicy } from "./parse-cluster-policy.ts";
import { parseNetworkPolicy } from "./parse-network-policy.ts";

/** Reads a policy of either kind from the text of its `spec`. */
export function parsePolicy(spec: string, { kind, namespace, name }: PolicyName): Policy {
  const raw = { spec: JSON.parse(spec) as unknown };
  return kind === "NetworkPolicy" && namespace !== undefined
    ? parseNetworkPolicy(raw, namespace, name)
    : parseClusterPolicy(raw, name);
}
