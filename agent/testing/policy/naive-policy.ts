import { cidrContains, cidrOf, parseInterfaceAddress } from "../../net/cidr.ts";

import type {
  Probe,
  RawCluster,
  RawClusterPeer,
  RawDestination,
  RawNetworkPolicy,
  RawPeer,
  RawPod,
  RawPort,
  RawProtocol,
  RawSelector,
} from "./raw-objects.ts";

type Direction = "ingress" | "egress";

/**
 * Judges one packet as section 2 of the contract is written, sentence by sentence, with nothing of the
 * agent's own but the arithmetic of prefixes. Only the end in question is judged.
 */
export function judgeNaively(cluster: RawCluster, probe: Probe, direction: Direction): boolean {
  const { source, destination } = probe;
  if (source === destination) return true;
  const own = findPod(cluster, direction === "ingress" ? destination : source);
  if (own === undefined) return true;
  const admin = judgeTier(cluster, probe, direction, own, "Admin");
  if (admin !== undefined) return admin;
  const isolating = cluster.policies.filter(
    (policy) =>
      policy.metadata.namespace === own.metadata.namespace &&
      selects(policy.spec.podSelector ?? {}, own.metadata.labels) &&
      typesOf(policy).includes(direction),
  );
  if (isolating.length > 0) return isolating.some((policy) => allows(cluster, probe, direction, own, policy));
  return judgeTier(cluster, probe, direction, own, "Baseline") ?? true;
}

function typesOf({ spec }: RawNetworkPolicy): readonly string[] {
  if (spec.policyTypes !== undefined && spec.policyTypes.length > 0)
    return spec.policyTypes.map((type) => type.toLowerCase());
  return (spec.egress ?? []).length > 0 ? ["ingress", "egress"] : ["ingress"];
}

function allows(
  cluster: RawCluster,
  probe: Probe,
  direction: Direction,
  own: RawPod,
  { metadata, spec }: RawNetworkPolicy,
): boolean {
  const rules: readonly { peers: readonly RawPeer[]; ports: readonly RawPort[] }[] =
    direction === "ingress"
      ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from ?? [], ports: ports ?? [] }))
      : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to ?? [], ports: ports ?? [] }));
  const other = direction === "ingress" ? probe.source : probe.destination;
  const target = direction === "ingress" ? own : findPod(cluster, probe.destination);
  return rules.some(
    ({ peers, ports }) =>
      (peers.length === 0 || peers.some((peer) => isPeer(cluster, other, peer, metadata.namespace))) &&
      (ports.length === 0 || ports.some((port) => isPort(probe, target, port))),
  );
}

function isPeer(cluster: RawCluster, address: string, peer: RawPeer, namespace: string): boolean {
  if (peer.ipBlock !== undefined)
    return (
      inCidr(peer.ipBlock.cidr, address) && !(peer.ipBlock.except ?? []).some((cidr) => inCidr(cidr, address))
    );
  const pod = findPod(cluster, address);
  if (pod === undefined) return false;
  const isInNamespace =
    peer.namespaceSelector === undefined
      ? pod.metadata.namespace === namespace
      : selects(peer.namespaceSelector, cluster.namespaces[pod.metadata.namespace] ?? {});
  return isInNamespace && selects(peer.podSelector ?? {}, pod.metadata.labels);
}

function isPort(
  probe: Probe,
  target: RawPod | undefined,
  { protocol = "TCP", port, endPort }: RawPort,
): boolean {
  if (probe.protocol !== protocol) return false;
  if (port === undefined) return true;
  if (typeof port === "string") return portOf(target, port, protocol) === probe.port;
  return port <= probe.port && probe.port <= (endPort ?? port);
}

/** Number of the first port of that name and protocol: containers first, then sidecars. */
function portOf(pod: RawPod | undefined, name: string, protocol: string): number | undefined {
  const sidecars = pod?.spec.initContainers.filter(({ restartPolicy }) => restartPolicy === "Always") ?? [];
  const ports = [...(pod?.spec.containers ?? []), ...sidecars].flatMap((container) => container.ports);
  return ports.find((port) => port.name === name && (port.protocol ?? "TCP") === protocol)?.containerPort;
}

/** Undefined: no rule of the tier decides. */
function judgeTier(
  cluster: RawCluster,
  probe: Probe,
  direction: Direction,
  own: RawPod,
  tier: string,
): boolean | undefined {
  const policies = cluster.clusterPolicies
    .filter(({ spec }) => spec.tier === tier && isSubject(cluster, own, spec.subject))
    .toSorted((a, b) => a.spec.priority - b.spec.priority || (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const rule of policies.flatMap(({ spec }) => spec[direction] ?? [])) {
    const peers = rule.from ?? rule.to ?? [];
    const isUnknown = peers.some(({ domainNames }) => domainNames !== undefined);
    if (isUnknown && rule.action === "Accept") continue;
    if (isUnknown) return false;
    if (!peers.some((peer) => isClusterPeer(cluster, probe, direction, peer))) continue;
    if (
      rule.protocols !== undefined &&
      !rule.protocols.some((protocol) => isProtocol(cluster, probe, protocol))
    )
      continue;
    return rule.action === "Pass" ? undefined : rule.action === "Accept";
  }
  return undefined;
}

function isSubject(cluster: RawCluster, { metadata }: RawPod, { namespaces, pods }: RawClusterPeer): boolean {
  const labels = cluster.namespaces[metadata.namespace] ?? {};
  if (namespaces !== undefined) return selects(namespaces, labels);
  return (
    pods !== undefined &&
    selects(pods.namespaceSelector, labels) &&
    selects(pods.podSelector, metadata.labels)
  );
}

function isClusterPeer(
  cluster: RawCluster,
  probe: Probe,
  direction: Direction,
  peer: RawClusterPeer,
): boolean {
  const address = direction === "ingress" ? probe.source : probe.destination;
  if (peer.networks !== undefined) return peer.networks.some((cidr) => inCidr(cidr, address));
  const { nodes } = peer;
  if (nodes !== undefined)
    return cluster.nodes.some(
      ({ metadata, status }) =>
        selects(nodes, metadata.labels) && status.addresses.some((entry) => entry.address === address),
    );
  const pod = findPod(cluster, address);
  return pod !== undefined && isSubject(cluster, pod, peer);
}

function isProtocol(
  cluster: RawCluster,
  probe: Probe,
  { destinationNamedPort, ...named }: RawProtocol,
): boolean {
  const target = findPod(cluster, probe.destination);
  if (destinationNamedPort !== undefined)
    return probe.protocol !== 1 && portOf(target, destinationNamedPort, probe.protocol) === probe.port;
  const [[protocol, { destinationPort }] = ["", { destinationPort: {} as RawDestination }]] =
    Object.entries(named);
  if (protocol.toUpperCase() !== probe.protocol) return false;
  const { number, range } = destinationPort;
  return range === undefined ? number === probe.port : range.start <= probe.port && probe.port <= range.end;
}

function findPod(cluster: RawCluster, address: string): RawPod | undefined {
  return cluster.pods.find(
    ({ spec, status }) =>
      !spec.hostNetwork &&
      status.phase !== "Succeeded" &&
      status.phase !== "Failed" &&
      status.podIPs.some(({ ip }) => ip === address),
  );
}

function selects(
  { matchLabels = {}, matchExpressions = [] }: RawSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const isThere = Object.hasOwn(labels, key);
      if (operator === "Exists") return isThere;
      if (operator === "DoesNotExist") return !isThere;
      const isAmong = isThere && values.includes(labels[key] ?? "");
      return operator === "In" ? isAmong : !isAmong;
    })
  );
}

function inCidr(text: string, address: string): boolean {
  const parsed = parseInterfaceAddress(text);
  return parsed !== undefined && cidrContains(cidrOf(parsed.address, parsed.prefixLength), address);
}
