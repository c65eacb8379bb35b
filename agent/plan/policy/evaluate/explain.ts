import { cidrContains } from "../../../net/cidr.ts";
import { comparePolicies } from "../compile/stages.ts";
import { resolveNames } from "../compile/sources.ts";
import {
  type Direction,
  type Peer,
  type Pod,
  type Policy,
  type Ports,
  policyTitle,
  type Rule,
  type Tier,
} from "../model.ts";
import { ALL_PODS, matchesLabels, matchesPod } from "../selectors.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import type { Packet } from "./evaluate.ts";

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

/** A pod, and who is at the other end. */
interface End {
  readonly engine: Objects;
  readonly packet: Packet;
  readonly direction: Direction;
  readonly pod: Pod;
  readonly other: string;
  /** Pods that have the other end's address. */
  readonly peers: readonly Pod[];
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

function matchesRule(end: End, { peers, ports }: Rule): boolean {
  if (peers === undefined) return matchesPorts(end, ports, end.peers);
  return peers.some((peer) => {
    const pods = podsOfPeer(end, peer);
    return pods !== undefined && matchesPorts(end, ports, pods);
  });
}

/** Pods at the other end by which it is this peer; none where it is one by its address alone; undefined: it is not. */
function podsOfPeer({ engine, other, peers }: End, peer: Peer): readonly Pod[] | undefined {
  const { namespaces, nodes } = engine.objects;
  switch (peer.kind) {
    case "networks": {
      const holds = peer.networks.some(
        ({ cidr, except }) => cidrContains(cidr, other) && !except.some((hole) => cidrContains(hole, other)),
      );
      return holds ? peers : undefined;
    }
    case "nodes": {
      const holds = [...nodes.values()].some(
        ({ addresses, labels }) => addresses.includes(other) && matchesLabels(peer.selector, labels),
      );
      return holds ? [] : undefined;
    }
    case "pods": {
      if (peer.selector.key === ALL_PODS.key) return isPodAddress(engine, other) ? peers : undefined;
      const pods = peers.filter((pod) => matchesPod(peer.selector, pod, namespaces.get(pod.namespace)));
      return pods.length > 0 ? pods : undefined;
    }
  }
}

function matchesPorts(
  { packet, direction, pod }: End,
  ports: Ports | undefined,
  peers: readonly Pod[],
): boolean {
  if (ports === undefined) return true;
  const { protocol, port } = packet;
  const isInRange = ports.ranges.some(
    (range) => range.protocol === protocol && range.first <= port && port <= range.last,
  );
  const destinations = direction === "ingress" ? [pod] : peers;
  return (
    isInRange ||
    destinations.some((destination) =>
      resolveNames(ports.names, destination.ports).some(
        (named) => named.protocol === protocol && named.port === port,
      ),
    )
  );
}

function isPodAddress({ network }: Objects, address: string): boolean {
  return network.cidrs.some((cidr) => cidrContains(cidr, address)) && !network.gateways.includes(address);
}

function podsAt({ objects }: Objects, address: string): readonly Pod[] {
  return [...objects.podsByNamespace.values()].flatMap((pods) =>
    [...pods.values()].filter(({ addresses }) => addresses.includes(address)),
  );
}
