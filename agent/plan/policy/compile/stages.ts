import {
  type Action,
  type Direction,
  type ContainerPort,
  objectKey,
  type Peer,
  type Policy,
  type Ports,
  type Rule,
  type Tier,
} from "../model.ts";
import { resolveNames } from "./sources.ts";

/** Traffic that a rule is about: with one peer, or with everybody. */
export interface Term {
  readonly peer: Peer | undefined;
  readonly ports: Ports | undefined;
}

/** Rules of one action that follow each other: their order does not count. */
export interface Run {
  readonly tier: Tier;
  readonly action: Action;
  readonly terms: readonly Term[];
  /** Policies that it is made of, each once. */
  readonly policies: readonly string[];
}

/** What is asked for one pod in one direction, in this order. */
export interface Stages {
  readonly direction: Direction;
  readonly admin: readonly Run[];
  /** What NetworkPolicies allow; undefined: none isolates the pod, and the baseline counts. */
  readonly allowed: Run | undefined;
  readonly baseline: readonly Run[];
}

const TIERS: readonly Tier[] = ["Admin", "NetworkPolicy", "Baseline"];

/** By tier, priority and name: in the order in which they decide. */
export function comparePolicies(a: Policy, b: Policy): number {
  if (a.tier !== b.tier) return TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier);
  if (a.priority !== b.priority) return a.priority - b.priority;
  const [one, other] = [objectKey(a.namespace, a.name), objectKey(b.namespace, b.name)];
  return one < other ? -1 : one > other ? 1 : 0;
}

/**
 * `policies` select the pod, whose ports are given. Undefined: none of them says anything of the direction.
 */
export function planStages(
  policies: readonly Policy[],
  direction: Direction,
  ports: readonly ContainerPort[],
): Stages | undefined {
  const sorted = policies.filter(({ rules }) => rules[direction] !== undefined).toSorted(comparePolicies);
  const isolating = sorted.filter(({ tier }) => tier === "NetworkPolicy");
  const runsOf = (tier: Tier): readonly Run[] =>
    mergeRuns(
      sorted
        .filter((policy) => policy.tier === tier)
        .flatMap((policy) => runsOfPolicy(policy, direction, ports)),
    );
  const admin = runsOf("Admin");
  if (isolating.length > 0) {
    const [run] = runsOf("NetworkPolicy");
    const names = isolating.map(({ namespace, name }) => objectKey(namespace, name));
    const allowed: Run = {
      tier: "NetworkPolicy",
      action: "Accept",
      terms: run?.terms ?? [],
      policies: names,
    };
    return { direction, admin, allowed, baseline: [] };
  }
  const baseline = runsOf("Baseline");
  if (admin.length === 0 && baseline.length === 0) return undefined;
  return { direction, admin, allowed: undefined, baseline };
}

function runsOfPolicy(policy: Policy, direction: Direction, ports: readonly ContainerPort[]): readonly Run[] {
  const { tier, namespace, name } = policy;
  return (policy.rules[direction] ?? []).map((rule) => {
    const terms = termsOf(rule, direction, ports);
    return { tier, action: rule.action, terms, policies: [objectKey(namespace, name)] };
  });
}

function mergeRuns(runs: readonly Run[]): readonly Run[] {
  const merged: { tier: Tier; action: Action; terms: Term[]; policies: string[] }[] = [];
  for (const { tier, action, terms, policies } of runs) {
    let last = merged.at(-1);
    if (last?.action !== action) {
      last = { tier, action, terms: [], policies: [] };
      merged.push(last);
    }
    last.terms.push(...terms);
    for (const policy of policies) if (last.policies.at(-1) !== policy) last.policies.push(policy);
  }
  return merged;
}

/** One for each peer. Names of ports are those of the destination: for ingress, of the pod itself. */
function termsOf(
  { peers, ports: given }: Rule,
  direction: Direction,
  ownPorts: readonly ContainerPort[],
): readonly Term[] {
  const ports = given === undefined || direction === "egress" ? given : resolve(given, ownPorts);
  return peers === undefined ? [{ peer: undefined, ports }] : peers.map((peer) => ({ peer, ports }));
}

function resolve({ ranges, names }: Ports, ownPorts: readonly ContainerPort[]): Ports {
  const named = resolveNames(names, ownPorts).map(({ protocol, port }) => ({
    protocol,
    first: port,
    last: port,
  }));
  return { ranges: [...ranges, ...named], names: [] };
}
