import fc from "fast-check";
import { randomClusterPolicy, randomNetworkPolicy } from "./random-policies.ts";
import type { RawCluster, RawContainerPort, RawNode, RawPod } from "./raw-objects.ts";

export const HERE = "here";

export const NAMESPACES = ["alpha", "beta", "gamma"] as const;

/** Few keys and values, so that selectors often match. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  app: ["web", "db"],
  tier: ["front", "back"],
  env: ["test", "prod"],
};

/** What talks and is talked to from outside. */
export const OUTSIDE = ["203.0.113.5", "203.0.113.200", "198.51.100.7", "2001:db8:1::5", "2001:db8:2::7"];

/** First addresses of PodCIDRs, which speak for nodes. */
export const GATEWAYS = ["10.244.1.1", "10.244.2.1", "fd00:1::1", "fd00:2::1"];

const NODES: readonly { readonly name: string; readonly addresses: readonly string[] }[] = [
  { name: HERE, addresses: ["192.0.2.10", "2001:db8::10"] },
  { name: "there", addresses: ["192.0.2.11", "2001:db8::11"] },
];

function randomLabels(
  known: Readonly<Record<string, readonly string[]>>,
): fc.Arbitrary<Record<string, string>> {
  const entries = Object.entries(known).map(([key, values]) =>
    fc
      .option(fc.constantFrom(...values), { nil: undefined })
      .map((value) => (value === undefined ? [] : [[key, value]])),
  );
  return fc.tuple(...entries).map((parts) => Object.fromEntries(parts.flat()) as Record<string, string>);
}

const namespaceLabels = fc
  .tuple(
    ...NAMESPACES.map((name) =>
      fc.tuple(fc.constant(name), randomLabels({ team: ["red", "blue"], env: ["test", "prod"] })),
    ),
  )
  .map((all) =>
    Object.fromEntries(
      all.map(([name, labels]) => [name, { ...labels, "kubernetes.io/metadata.name": name }]),
    ),
  );

const containerPort: fc.Arbitrary<RawContainerPort> = fc.record(
  {
    name: fc.constantFrom("http", "dns", "admin"),
    protocol: fc.constantFrom("TCP", "UDP", "SCTP"),
    containerPort: fc.constantFrom(53, 80, 81, 8000, 8001),
  },
  { requiredKeys: ["name", "containerPort"] },
);

const ports = fc.array(containerPort, { maxLength: 3 });

/**
 * Pods that are over keep their addresses in the status, whoever has them by now; those on the host's network
 * have the node's.
 */
const pod = (number: number): fc.Arbitrary<RawPod> =>
  fc
    .record({
      namespace: fc.constantFrom(...NAMESPACES),
      labels: randomLabels(LABELS),
      node: fc.constantFrom(HERE, HERE, HERE, "there"),
      families: fc.constantFrom<readonly number[]>([4], [6], [4, 6], [4, 6]),
      kind: fc.constantFrom("pod", "pod", "pod", "pod", "host", "Succeeded", "Failed"),
      containers: fc.array(fc.record({ ports }), { minLength: 1, maxLength: 2 }),
      initContainers: fc.array(
        fc.record({ restartPolicy: fc.constant("Always"), ports }, { requiredKeys: ["ports"] }),
        { maxLength: 1 },
      ),
    })
    .map(({ namespace, labels, node, families, kind, containers, initContainers }) => {
      const isOver = kind === "Succeeded" || kind === "Failed";
      const host = NODES.find(({ name }) => name === node)?.addresses ?? [];
      const subnet = node === HERE ? 1 : 2;
      const own = isOver ? 10 : 10 + number;
      const addresses =
        kind === "host"
          ? host
          : families.map((family) => (family === 4 ? `10.244.${subnet}.${own}` : `fd00:${subnet}::${own}`));
      return {
        metadata: { namespace, name: `p${number}`, labels },
        spec: { nodeName: node, hostNetwork: kind === "host", containers, initContainers },
        status: { phase: isOver ? kind : "Running", podIPs: addresses.map((ip) => ({ ip })) },
      };
    });

const nodes: fc.Arbitrary<readonly RawNode[]> = fc
  .tuple(
    ...NODES.map(({ name, addresses }) =>
      fc.tuple(fc.constant(name), fc.constant(addresses), randomLabels({ zone: ["a", "b"] })),
    ),
  )
  .map((all) =>
    all.map(([name, addresses, labels]) => ({
      metadata: { name, labels },
      status: {
        addresses: [
          { type: "Hostname", address: name },
          ...addresses.map((address) => ({ type: "InternalIP", address })),
        ],
      },
    })),
  );

const pods = fc
  .integer({ min: 2, max: 8 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => pod(index))));

/** Clusters with policies of both kinds; `clusterPolicies`: at most. */
export function randomCluster(clusterPolicies: number): fc.Arbitrary<RawCluster> {
  return fc.record({
    namespaces: namespaceLabels,
    nodes,
    pods,
    policies: fc.uniqueArray(randomNetworkPolicy, {
      maxLength: 4,
      selector: ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    }),
    clusterPolicies: fc.uniqueArray(randomClusterPolicy, {
      maxLength: clusterPolicies,
      selector: ({ metadata }) => metadata.name,
    }),
  });
}
