import { comparePolicies } from "../compile/stages.ts";
import { type Direction, type Pod, type Policy, policyTitle, type Rule, type Tier } from "../model.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import type { Packet } from "./evaluate.ts";
import { type End, matchesRule } from "./match-rule.ts";

/** Why a packet passes in one direction, or does not. */
export type Explanation =
  | { readonly passes: true; readonly reason: "own address" | "no pod" | "not selected" }
  | { readonly passes: false; readonly reason: "labels unknown" }
  /** A rule of this policy decides. */
  | { readonly passes: boolean; readonly reason: "rule"; readonly policy: Policy; readonly rule: Rule }
  /** These NetworkPolicies isolate the pod, and none of their rules allows it. */
  | { readonly passes: false; readonly reason: "isolated"; readonly policies: readonly Policy[] };

type Objects = Pick<PolicyEngine, "objects" | "policies" | "network" | "strangers">;

/** Answers from the objects, not from the table: {@link evaluate} says the same of pods of this node. */
export function explain(engine: Objects, packet: Packet, direction: Direction): Explanation {
  const { source, destination } = packet;
  if (source === destination) return { passes: true, reason: "own address" };
  const [own, other] = direction === "ingress" ? [destination, source] : [source, destination];
  if (engine.strangers().has(own)) return { passes: false, reason: "labels unknown" };
  const [pod] = podsAt(engine, own);
  if (pod === undefined) return { passes: true, reason: "no pod" };
  const end: End = { engine, packet, direction, pod, other, peers: podsAt(engine, other) };
  const policies = engine.policies
    .selecting(pod, engine.objects.namespaces.get(pod.namespace))
    .filter(({ rules }) => rules[direction] !== undefined)
    .toSorted(comparePolicies);
  const ofTier = (tier: Tier): readonly Policy[] => policies.filter((policy) => policy.tier === tier);
  const isolating = ofTier("NetworkPolicy");
  const rest = isolating.length > 0 ? allowedBy(end, isolating) : decidedBy(end, ofTier("Baseline"));
  return decidedBy(end, ofTier("Admin")) ?? rest ?? { passes: true, reason: "not selected" };
}

/** As logs, drops and `trace` say it: `Admin no-scanners, ingress rule 2`. */
export function formatDecision(
  { policy, rule }: { policy: Policy; rule: Rule },
  direction: Direction,
): string {
  const name = rule.name === undefined ? "" : ` (${rule.name})`;
  return `${policyTitle(policy)}, ${direction} rule ${rule.number}${name}`;
}

/** Undefined: no rule of a tier matches, or one passes on. */
function decidedBy(end: End, policies: readonly Policy[]): Explanation | undefined {
  for (const policy of policies)
    for (const rule of policy.rules[end.direction] ?? []) {
      if (!matchesRule(end, rule)) continue;
      return rule.action === "Pass"
        ? undefined
        : { passes: rule.action === "Accept", reason: "rule", policy, rule };
    }
  return undefined;
}

function allowedBy(end: End, policies: readonly Policy[]): Explanation {
  return decidedBy(end, policies) ?? { passes: false, reason: "isolated", policies };
}

function podsAt({ objects }: Objects, address: string): readonly Pod[] {
  return [...objects.podsByNamespace.values()].flatMap((pods) =>
    [...pods.values()].filter(({ addresses }) => addresses.includes(address)),
  );
}
