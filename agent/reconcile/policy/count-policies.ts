import type { PolicyCounts } from "../../metrics/policy-metrics.ts";
import type { Attachment } from "../../plan/pods/attachment.ts";
import type { PolicyEngine } from "../../plan/policy/state/policy-engine.ts";

export interface CountPoliciesInput {
  readonly engine: Pick<PolicyEngine, "table" | "policies" | "strangers"> | undefined;
  readonly attachments: ReadonlyMap<string, Attachment>;
  readonly watches: number;
}

export function countPolicies({ engine, attachments, watches }: CountPoliciesInput): PolicyCounts {
  if (engine === undefined) {
    const pods = { selected: 0, unknown: 0, open: attachments.size };
    return { policies: 0, unread: 0, chains: 0, elements: 0, watches, pods };
  }
  const { sets, chains, pods } = engine.table;
  const maps = Object.values(pods);
  const strangers = engine.strangers();
  const stateOf = ({ addresses }: Attachment): keyof PolicyCounts["pods"] => {
    if (addresses.some((address) => strangers.has(address))) return "unknown";
    return addresses.some((address) => maps.some((map) => map.has(address))) ? "selected" : "open";
  };
  const states = Map.groupBy([...attachments.values()], stateOf);
  const countOf = (state: keyof PolicyCounts["pods"]): number => states.get(state)?.length ?? 0;
  return {
    policies: engine.policies.size,
    unread: engine.policies.faulty.size,
    chains: chains.size,
    elements: [...[...sets.values()].map(({ elements }) => elements), ...maps].reduce(
      (sum, { size }) => sum + size,
      0,
    ),
    watches,
    pods: { selected: countOf("selected"), unknown: countOf("unknown"), open: countOf("open") },
  };
}
