import type {
  RawCluster,
  RawClusterPolicy,
  RawContainerPort,
  RawNetworkPolicy,
  RawPod,
  RawPort,
} from "../../agent/testing/policy/raw-objects.ts";

/**
 * The same cluster as an API server gives it to who watches: with defaults filled in, and without empty
 * lists, which its storage does not keep.
 */
export function asServed(cluster: RawCluster): RawCluster {
  return {
    ...cluster,
    pods: cluster.pods.map((pod) => mapPorts(pod, (ports) => ports.map(withProtocol))),
    policies: cluster.policies.map(servedPolicy),
  };
}

/**
 * Leaves out where kube-network-policies is known to differ, each with a test of its own: ports of sidecars,
 * ports of one name in several containers, names of domains, and policies of one direction where there is a
 * Baseline tier.
 */
export function withoutKnownDifferences(cluster: RawCluster): RawCluster {
  const hasBaseline = cluster.clusterPolicies.some(({ spec }) => spec.tier === "Baseline");
  const policyTypes = ["Ingress", "Egress"];
  return {
    ...cluster,
    pods: cluster.pods.map(withUniquePortNames),
    policies: cluster.policies.map((policy) =>
      hasBaseline ? { ...policy, spec: { ...policy.spec, policyTypes } } : policy,
    ),
    clusterPolicies: cluster.clusterPolicies.map(withoutDomainNames),
  };
}

function mapPorts(
  { spec, ...pod }: RawPod,
  map: (ports: readonly RawContainerPort[]) => readonly RawContainerPort[],
): RawPod {
  const containers = spec.containers.map((container) => ({ ...container, ports: map(container.ports) }));
  const initContainers = spec.initContainers.map((container) => ({
    ...container,
    ports: map(container.ports),
  }));
  return { ...pod, spec: { ...spec, containers, initContainers } };
}

function withProtocol<T extends { readonly protocol?: string }>(port: T): T & { readonly protocol: string } {
  return { ...port, protocol: port.protocol ?? "TCP" };
}

function servedPolicy({ metadata, spec }: RawNetworkPolicy): RawNetworkPolicy {
  const { podSelector = {}, policyTypes = [], ingress = [], egress = [] } = spec;
  const defaultTypes = egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
  return {
    metadata,
    spec: {
      podSelector,
      policyTypes: policyTypes.length > 0 ? policyTypes : defaultTypes,
      ...(ingress.length > 0 && { ingress: ingress.map(servedRule) }),
      ...(egress.length > 0 && { egress: egress.map(servedRule) }),
    },
  };
}

function servedRule<T extends { readonly ports?: readonly RawPort[] }>(rule: T): T {
  return rule.ports === undefined ? rule : { ...rule, ports: rule.ports.map(withProtocol) };
}

function withUniquePortNames(pod: RawPod): RawPod {
  const known = new Set<string>();
  const withoutSidecars = { ...pod, spec: { ...pod.spec, initContainers: [] } };
  return mapPorts(withoutSidecars, (ports) =>
    ports.filter(({ name, protocol }) => {
      const key = `${name} ${protocol}`;
      const isNew = !known.has(key);
      known.add(key);
      return isNew;
    }),
  );
}

function withoutDomainNames({ metadata, spec }: RawClusterPolicy): RawClusterPolicy {
  const { egress, ...rest } = spec;
  if (egress === undefined) return { metadata, spec };
  const known = egress.filter(({ to = [] }) => to.every(({ domainNames }) => domainNames === undefined));
  return { metadata, spec: { ...rest, egress: known } };
}
