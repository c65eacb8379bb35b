import type { JsonObject } from "../../agent/lib/json.ts";

/** A cluster of the size that is promised, from which all is computed by number. */
export const CLUSTER = {
  nodes: 5000,
  namespaces: 300,
  podsPerNamespace: 500,
  policies: 10_000,
  /** Namespaces whose pods the policies of this node name. */
  namedNamespaces: 30,
  ownPods: 250,
  /** Namespaces of this node's pods, each with as many policies as it takes for 200. */
  ownNamespaces: 5,
  ownPolicies: 200,
} as const;

/** One in so many pods is a client, whom policies name. */
const CLIENT_SHARE = 10;

export const namespaceName = (index: number): string => `team-${index}`;

export const podName = (index: number, suffix = ""): string => `pod-${index}${suffix}`;

export function planNamespace(index: number): JsonObject {
  const name = namespaceName(index);
  return { metadata: { name, labels: { "kubernetes.io/metadata.name": name, stage: `stage-${index % 5}` } } };
}

/** A pod of another node; number 0 of each share is a client. */
export function planPod(namespace: number, index: number, suffix = ""): JsonObject {
  const number = namespace * CLUSTER.podsPerNamespace + index;
  const node = 2 + (number % (CLUSTER.nodes - 1));
  const [high, low] = [Math.floor(node / 256), node % 256];
  const role = index % CLIENT_SHARE === 0 ? "client" : `part-${index % CLIENT_SHARE}`;
  const address = `10.${64 + high}.${low}.${suffix === "" ? 2 + Math.floor(number / CLUSTER.nodes) : 200 + (index % 50)}`;
  return {
    metadata: {
      namespace: namespaceName(namespace),
      name: podName(index, suffix),
      labels: { role, "pod-template-hash": `${number % 97}`, "app.kubernetes.io/name": role },
    },
    spec: {
      nodeName: `node-${node}`,
      containers: [{ name: "main", ports: [{ name: "web", containerPort: 8080 }] }],
    },
    status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
  };
}

/** A pod of this node, of one of the namespaces that have policies of it. */
export function planOwnPod(index: number): JsonObject {
  const namespace = namespaceName(index % CLUSTER.ownNamespaces);
  return {
    metadata: { namespace, name: `own-${index}`, labels: { app: `app-${index % 8}` } },
    spec: {
      nodeName: "node-1",
      containers: [{ name: "main", ports: [{ name: "web", containerPort: 8080 }] }],
    },
    status: { phase: "Running" },
  };
}

export interface PolicyPlan {
  /** Number of the policy: the first ones are of the namespaces of this node's pods. */
  readonly index: number;
  readonly port: number;
  /** One of them lets the clients of the whole cluster in. */
  readonly isClusterWide: boolean;
}

export function namespaceOfPolicy(index: number): number {
  const { ownPolicies, ownNamespaces, namespaces } = CLUSTER;
  if (index < ownPolicies) return index % ownNamespaces;
  return ownNamespaces + (index % (namespaces - ownNamespaces));
}

export function planPolicy({ index, port, isClusterWide }: PolicyPlan): JsonObject {
  const peer = namespaceName((index * 7) % CLUSTER.namedNamespaces);
  const namespaceSelector = isClusterWide ? {} : { matchLabels: { "kubernetes.io/metadata.name": peer } };
  return {
    metadata: { namespace: namespaceName(namespaceOfPolicy(index)), name: `policy-${index}` },
    spec: {
      podSelector: { matchLabels: { app: `app-${Math.floor(index / CLUSTER.ownNamespaces) % 8}` } },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ namespaceSelector, podSelector: { matchLabels: { role: "client" } } }],
          ports: [{ protocol: "TCP", port }],
        },
      ],
    },
  };
}
