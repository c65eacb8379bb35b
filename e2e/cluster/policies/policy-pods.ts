import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { runCommand } from "../../lib/command.ts";
import { waitFor } from "../../lib/wait-for.ts";
import type { Cluster } from "../cluster.ts";
import type { ClusterNode } from "../cluster-node.ts";
import { PEER_IMAGE } from "../images.ts";
import { isReady, PEER_PORT, type Peer } from "../workloads.ts";

/** A pod of peer.c, or of another image with the same container. */
export interface PolicyPod extends Peer {
  readonly namespace: string;
  /** Path of its network namespace from here. */
  readonly netns: string;
}

export interface PolicyPodInput {
  readonly namespace: string;
  readonly name: string;
  readonly node: ClusterNode;
  readonly labels?: Readonly<Record<string, string>>;
  readonly hostPort?: number;
  readonly container?: Partial<V1Container>;
}

/** Of pods' namespaces in a node: a containerd of CRI keeps them below its state. */
const NETNS_PATHS = "/run/containerd/*/netns/*";

/**
 * Whoever is refused by a policy gets no answer; one that is allowed takes milliseconds, but the machine may
 * be busy.
 */
const PATIENCE_MS = 1500;

/** Starts a pod, which the kubelet asks by a probe, and waits until it is Ready. */
export async function startPod(cluster: Cluster, input: PolicyPodInput): Promise<PolicyPod> {
  const { namespace, name, node, labels = {}, hostPort, container } = input;
  const peer: V1Container = {
    name: "peer",
    image: PEER_IMAGE,
    args: ["serve", String(PEER_PORT)],
    ports: hostPort === undefined ? [] : [{ containerPort: PEER_PORT, hostPort }],
    readinessProbe: { tcpSocket: { port: PEER_PORT }, periodSeconds: 1 },
    ...container,
  };
  await cluster.api.create(`/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name, labels: { app: name, ...labels } },
    spec: {
      nodeSelector: { "kubernetes.io/hostname": node.name },
      containers: [peer],
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
    },
  });
  return findPod(cluster, { namespace, name, node });
}

/** A pod that is on its way, or that has started anew, once it is Ready. */
export async function findPod(
  cluster: Cluster,
  { namespace, name, node }: Pick<PolicyPodInput, "namespace" | "name" | "node">,
): Promise<PolicyPod> {
  const findReady = async (): Promise<V1Pod | undefined> => {
    const pod = await cluster.api.get<V1Pod>(podPath({ namespace, name }));
    return isReady(pod) ? pod : undefined;
  };
  const waiting = { timeoutMs: 120_000, intervalMs: 100 };
  const { status } = await waitFor(`pod ${namespace}/${name}`, findReady, waiting);
  const addresses = (status?.podIPs ?? []).map(({ ip }) => ip);
  return { namespace, name, node: node.name, addresses, netns: await findNetns(node, addresses) };
}

export function podPath({ namespace, name }: Pick<PolicyPodInput, "namespace" | "name">): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

export async function createNamespace(
  { api }: Cluster,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  await api.create("/api/v1/namespaces", { metadata: { name, labels } });
}

/** With all that is in them; ends when they are gone. */
export async function removeNamespaces({ api }: Cluster, names: readonly string[]): Promise<void> {
  for (const name of names) await api.remove(`/api/v1/namespaces/${name}`);
  const areGone = async (): Promise<true | undefined> => {
    const left = await api.list<{ metadata: { name: string } }>("/api/v1/namespaces");
    return left.every(({ metadata }) => !names.includes(metadata.name)) || undefined;
  };
  await waitFor(`the end of ${names.join(" and ")}`, areGone, { timeoutMs: 120_000, intervalMs: 200 });
}

/**
 * Lets a pod's network namespace ask targets of peer.c, all at once, also while no API server is there; gives
 * whether each one answered.
 */
export async function ask(
  cluster: Cluster,
  { netns }: Pick<PolicyPod, "netns">,
  targets: readonly string[],
): Promise<readonly boolean[]> {
  return askIn(cluster, ["nsenter", `--net=${netns}`, "--"], targets);
}

/** The same behind other words that lead to a network namespace. */
export async function askIn(
  cluster: Cluster,
  enter: readonly string[],
  targets: readonly string[],
): Promise<readonly boolean[]> {
  const said = await runCommand([...enter, cluster.peer, "ask", String(PATIENCE_MS), ...targets]);
  return said
    .trim()
    .split("\n")
    .map((line) => !line.includes(" error: "));
}

export function targetsOf(
  addresses: readonly string[],
  port: number = PEER_PORT,
  suffix = "",
): readonly string[] {
  return addresses.map((address) => `${address},${port}${suffix}`);
}

async function findNetns(node: ClusterNode, [address = ""]: readonly string[]): Promise<string> {
  const show = 'nsenter --net="$path" ip -o address show';
  const look = `if ${show} | grep -qF " ${address}/"; then echo "$path"; fi`;
  const inner = (await node.run("sh", "-c", `for path in ${NETNS_PATHS}; do ${look}; done`)).trim();
  const path = inner === "" ? undefined : node.outerPath(inner);
  if (path === undefined) throw new Error(`No network namespace on ${node.name} has ${address}`);
  return path;
}
