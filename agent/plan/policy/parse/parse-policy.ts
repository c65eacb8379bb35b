import type { Policy, PolicyName } from "../model.ts";
import { parseClusterPolicy } from "./parse-cluster-policy.ts";
import { parseNetworkPolicy } from "./parse-network-policy.ts";

/** Reads a policy of either kind by its `spec`, whatever else the object has. */
export function parsePolicy(raw: unknown, { kind, namespace, name }: PolicyName): Policy {
  return kind === "NetworkPolicy" && namespace !== undefined
    ? parseNetworkPolicy(raw, namespace, name)
    : parseClusterPolicy(raw, name);
}

/** The same policy again, of the text that it has. */
export function parseAgain(spec: string, name: PolicyName): Policy {
  return { ...parsePolicy({ spec: JSON.parse(spec) as unknown }, name), spec };
}
