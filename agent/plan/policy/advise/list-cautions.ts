import { type Cidr, cidrContains, formatCidr } from "../../../net/cidr.ts";
import { resolveNames } from "../compile/sources.ts";
import {
  type Direction,
  DIRECTIONS,
  objectKey,
  type Pod,
  type Policy,
  policyTitle,
  type Rule,
} from "../model.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import { undeclaredPorts } from "./declared-ports.ts";
import { type KnownPods, selectsNoNamespace, unselecting } from "./selects-nobody.ts";

/** Sentences at most: what is wrong with one policy is often wrong with many. */
const MAX_CAUTIONS = 20;

const DNS_PORT = 53;

export interface CautionsInput {
  readonly engine: Pick<PolicyEngine, "objects" | "policies" | "network" | "lists">;
  readonly nodeName: string;
  readonly known: KnownPods;
}

/**
 * What policies do that their authors hardly meant, as sentences, as far as this node knows: each policy is
 * taken at its word nevertheless.
 */
export function listCautions(input: CautionsInput): readonly string[] {
  const found = new Set<string>();
  for (const caution of cautions(input)) {
    found.add(caution);
    if (found.size === MAX_CAUTIONS) break;
  }
  return [...found];
}

function* cautions({ engine, nodeName, known }: CautionsInput): Generator<string> {
  const selected = new Map<Policy, Pod[]>();
  for (const all of engine.objects.podsByNamespace.values())
    for (const pod of all.values()) {
      if (pod.node !== nodeName) continue;
      const policies = engine.policies.selecting(pod, engine.objects.namespaces.get(pod.namespace));
      yield* cautionsOfDns(policies);
      for (const policy of policies) {
        const pods = selected.get(policy);
        if (pods === undefined) selected.set(policy, [pod]);
        else pods.push(pod);
      }
    }
  for (const [policy, pods] of selected)
    for (const direction of DIRECTIONS)
      for (const rule of policy.rules[direction] ?? [])
        for (const caution of cautionsOfRule(engine, direction, rule, pods))
          yield `${policyTitle(policy)}, ${direction} rule ${rule.number}: ${caution}`;
  yield* unselecting(engine, known);
}

/** Pods that may send to somebody by name, and not ask for the address. */
function cautionsOfDns(policies: readonly Policy[]): readonly string[] {
  const isolating = policies.filter(
    ({ tier, rules }) => tier === "NetworkPolicy" && rules.egress !== undefined,
  );
  const rules = isolating.flatMap((policy) => policy.rules.egress ?? []);
  if (rules.length === 0 || rules.some(letsDns)) return [];
  const names = isolating.map(({ namespace, name }) => objectKey(namespace, name)).toSorted();
  return [
    `${names.join(", ")}: no egress rule lets UDP ${DNS_PORT} pass, so that the pods cannot look up names`,
  ];
}

function letsDns({ ports }: Rule): boolean {
  if (ports === undefined || ports.names.length > 0) return true;
  return ports.ranges.some(
    ({ protocol, first, last }) => protocol === "UDP" && first <= DNS_PORT && DNS_PORT <= last,
  );
}

/** `pods`: of this node, which the rule's policy selects. */
function cautionsOfRule(
  { objects, network }: CautionsInput["engine"],
  direction: Direction,
  rule: Rule,
  pods: readonly Pod[],
): readonly string[] {
  const blocks = podBlocks(rule, network.cidrs).map(
    (cidr) => `block ${formatCidr(cidr)} has pods' addresses, which come and go: name pods by their labels`,
  );
  const nobody = selectsNoNamespace(rule, objects)
    ? ["no namespace has the labels that a peer of it asks for, so that the peer matches nothing"]
    : [];
  if (direction === "egress") return [...blocks, ...nobody];
  return [
    ...blocks,
    ...nobody,
    ...pods.flatMap((pod) =>
      missingNames(rule, pod).map(
        (name) => `${objectKey(pod.namespace, pod.name)} has no port named "${name}", so that it opens none`,
      ),
    ),
    ...undeclaredPorts(rule, pods),
  ];
}

/** Blocks that are part of a PodCIDR. */
function podBlocks({ peers = [] }: Rule, podCidrs: readonly Cidr[]): readonly Cidr[] {
  return peers.flatMap((peer) =>
    peer.kind === "networks"
      ? peer.networks
          .map(({ cidr }) => cidr)
          .filter((cidr) =>
            podCidrs.some(
              (pods) =>
                pods.family === cidr.family &&
                pods.prefixLength <= cidr.prefixLength &&
                cidrContains(pods, cidr.base),
            ),
          )
      : [],
  );
}

function missingNames({ ports }: Rule, pod: Pod): readonly string[] {
  return (ports?.names ?? [])
    .filter((name) => resolveNames([name], pod.ports).length === 0)
    .map(({ name }) => name);
}
