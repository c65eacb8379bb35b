import { type Cidr, cidrContains, formatCidr } from "../../net/cidr.ts";
import { resolveNames } from "./compile/sources.ts";
import {
  type Direction,
  DIRECTIONS,
  objectKey,
  type Pod,
  type Policy,
  policyTitle,
  type Rule,
} from "./model.ts";
import type { PolicyEngine } from "./state/policy-engine.ts";

type Objects = Pick<PolicyEngine, "objects" | "policies" | "network">;

/** Sentences at most: what is wrong with one policy is often wrong with many. */
const MAX_CAUTIONS = 20;

const DNS_PORT = 53;

/**
 * What policies of this node's pods do that their authors hardly meant, as sentences: each policy is taken at its word nevertheless. Whether a policy
 * selects nobody in the whole cluster is not known here.
 */
export function listCautions(engine: Objects, nodeName: string): readonly string[] {
  const found = new Set<string>();
  for (const pods of engine.objects.podsByNamespace.values())
    for (const pod of pods.values()) {
      if (pod.node !== nodeName) continue;
      const policies = engine.policies.selecting(pod, engine.objects.namespaces.get(pod.namespace));
      for (const caution of [
        ...cautionsOfDns(policies),
        ...policies.flatMap((policy) => cautionsOf(engine, policy, pod)),
      ]) {
        found.add(caution);
        if (found.size === MAX_CAUTIONS) return [...found];
      }
    }
  return [...found];
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

function cautionsOf({ network }: Objects, policy: Policy, pod: Pod): readonly string[] {
  const where = (direction: Direction, { number }: Rule): string =>
    `${policyTitle(policy)}, ${direction} rule ${number}`;
  return DIRECTIONS.flatMap((direction) =>
    (policy.rules[direction] ?? []).flatMap((rule) =>
      podBlocks(rule, network.cidrs)
        .map(
          (cidr) =>
            `${where(direction, rule)}: block ${formatCidr(cidr)} is of pods' addresses, which come and go: name pods by their labels`,
        )
        .concat(
          (direction === "ingress" ? missingNames(rule, pod) : []).map(
            (name) =>
              `${where(direction, rule)}: ${objectKey(pod.namespace, pod.name)} has no port named "${name}", so that it opens none`,
          ),
        ),
    ),
  );
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
