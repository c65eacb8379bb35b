/** Objects of a cluster as the API has them: one namespace with the pods of this node and many of others. */

const NAMESPACE = "bench";

/** Of the traffic (datapath/traffic.ts). */
const PORT = 5001;

/** Pods of other nodes that each policy lets in. */
export const PEERS_PER_POLICY = 20;

/**
 * The same of each rule of a ClusterNetworkPolicy: the agent takes its time to read a file of tens of
 * thousands of objects.
 */
const PEERS_PER_RULE = 4;

export const CLIENT_POD = 0;

export interface ClusterInput {
  /** Pods of this node: the client, and servers. */
  readonly pods: number;
  /** NetworkPolicies that are all about the servers; the last one lets the client in. */
  readonly networkPolicies: number;
  /**
   * ClusterNetworkPolicies that are all about the servers, and that say nothing of the client; the first
   * fifth accepts, the others deny.
   */
  readonly clusterPolicies: number;
  readonly rulesPerClusterPolicy: number;
}

export function makeCluster(input: ClusterInput): readonly object[] {
  const { pods, networkPolicies, clusterPolicies, rulesPerClusterPolicy } = input;
  const peersPerGroup = clusterPolicies === 0 ? PEERS_PER_POLICY : PEERS_PER_RULE;
  const groups = Math.max(networkPolicies, clusterPolicies * rulesPerClusterPolicy);
  const own = Array.from({ length: pods }, (_, index) => ownPod(index, networkPolicies - 1));
  const peers = Array.from({ length: groups * peersPerGroup }, (_, index) =>
    peerPod(index, Math.floor(index / peersPerGroup)),
  );
  const lists = Array.from({ length: networkPolicies }, (_, index) => networkPolicy(index));
  const tiers = Array.from({ length: clusterPolicies }, (_, index) =>
    clusterPolicy(index, { isAccept: index < clusterPolicies / 5, rules: rulesPerClusterPolicy }),
  );
  return [namespaceOf(NAMESPACE), ...own, ...peers, ...lists, ...tiers];
}

function namespaceOf(name: string): object {
  const labels = { "kubernetes.io/metadata.name": name };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** Address of a pod of another node. */
export function peerAddress(index: number): string {
  return `10.${100 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

const groupOf = (policy: number): string => `group-${policy}`;

function ownPod(index: number, lastPolicy: number): object {
  const isClient = index === CLIENT_POD;
  return pod(`pod-${index}`, {
    labels: isClient ? { group: groupOf(lastPolicy) } : { app: "server" },
    node: "bench",
  });
}

function peerPod(index: number, group: number): object {
  return pod(`peer-${index}`, {
    labels: { group: groupOf(group) },
    node: `node-${index >> 7}`,
    address: peerAddress(index),
  });
}

interface PodInput {
  readonly labels: Readonly<Record<string, string>>;
  readonly node: string;
  readonly address?: string;
}

function pod(name: string, { labels, node, address }: PodInput): object {
  const status = address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: NAMESPACE, name, labels },
    spec: { nodeName: node, containers: [{ name: "main", ports: [{ name: "bench", containerPort: PORT }] }] },
    status: { phase: "Running", ...status },
  };
}

function networkPolicy(index: number): object {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: NAMESPACE, name: `policy-${index}` },
    spec: {
      podSelector: { matchLabels: { app: "server" } },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { group: groupOf(index) } } }],
          ports: ["TCP", "UDP"].map((protocol) => ({ protocol, port: PORT })),
        },
      ],
    },
  };
}

function clusterPolicy(
  index: number,
  { isAccept, rules }: { readonly isAccept: boolean; readonly rules: number },
): object {
  const bench = { matchLabels: { "kubernetes.io/metadata.name": NAMESPACE } };
  const from = (rule: number): object => ({
    pods: {
      namespaceSelector: bench,
      podSelector: { matchLabels: { group: groupOf(index * rules + rule) } },
    },
  });
  return {
    apiVersion: "policy.networking.k8s.io/v1beta1",
    kind: "ClusterNetworkPolicy",
    metadata: { name: `policy-${index}` },
    spec: {
      tier: "Admin",
      priority: index,
      subject: { pods: { namespaceSelector: bench, podSelector: { matchLabels: { app: "server" } } } },
      ingress: Array.from({ length: rules }, (_, rule) => ({
        name: `rule-${rule}`,
        action: isAccept ? "Accept" : "Deny",
        from: [from(rule)],
      })),
    },
  };
}
