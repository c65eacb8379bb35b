import type { V1Deployment, V1Pod, V1Service } from "@kubernetes/client-node";
import { waitFor } from "../lib/wait-for.ts";
import type { Cluster } from "./cluster.ts";
import { PEER_IMAGE } from "./images.ts";

/** The namespace of all tests' objects. */
const NAMESPACE = "/api/v1/namespaces/default";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";

/**
 * Of a busy machine: a hundred pods start in half a minute on an idle one, and controllers that lost their
 * API look for it for a minute.
 */
const PATIENCE_MS = 180_000;

/** On which every test pod serves (peer.c). */
export const PEER_PORT = 7000;

export interface PeerOptions {
  /** The only node that it may be on; any when undefined. */
  readonly node?: string;
  readonly hostPort?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A pod that is Ready, with its addresses in the order of podIPs. */
export interface Peer {
  readonly name: string;
  readonly node: string;
  readonly addresses: readonly string[];
}

type PodTemplate = Pick<V1Pod, "metadata" | "spec">;

/** A pod of peer.c; its label "app" is `app`. */
export function planPeer(app: string, { node, hostPort, annotations = {} }: PeerOptions = {}): PodTemplate {
  const port = { containerPort: PEER_PORT, ...(hostPort !== undefined && { hostPort }) };
  return {
    metadata: { labels: { app }, annotations: { ...annotations } },
    spec: {
      ...(node !== undefined && { nodeSelector: { "kubernetes.io/hostname": node } }),
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "kubernetes.io/hostname",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { app } },
        },
      ],
      containers: [{ name: "peer", image: PEER_IMAGE, args: ["serve", String(PEER_PORT)], ports: [port] }],
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
    },
  };
}

/** Creates a deployment of peers and waits until all are Ready. */
export async function deployPeers(
  cluster: Cluster,
  name: string,
  options: PeerOptions & { readonly replicas: number },
): Promise<readonly Peer[]> {
  const { replicas } = options;
  const template = planPeer(name, options);
  const deployment: V1Deployment = {
    metadata: { name },
    spec: { replicas, selector: { matchLabels: { app: name } }, template },
  };
  await cluster.api.create(DEPLOYMENTS, deployment);
  return waitForPeers(cluster, name, replicas);
}

/** Removes deployment, service and pods of this name, and waits until the pods are gone. */
export async function removePeers(cluster: Cluster, name: string): Promise<void> {
  await cluster.api.remove(`${DEPLOYMENTS}/${name}`);
  await cluster.api.remove(`${NAMESPACE}/services/${name}`);
  await waitFor(
    `the end of all pods of ${name}`,
    async () => (await listPods(cluster, name)).length === 0 || undefined,
    { timeoutMs: PATIENCE_MS, intervalMs: 200 },
  );
}

/** Waits until exactly `count` pods of a name exist, all of them Ready. */
export async function waitForPeers(cluster: Cluster, name: string, count: number): Promise<readonly Peer[]> {
  const probe = async (): Promise<readonly Peer[]> => {
    const pods = await listPods(cluster, name);
    const ready = pods.filter(isReady);
    if (pods.length === count && ready.length === count) return ready.map(peerOf);
    throw new Error(`${ready.length} of ${pods.length} pods are Ready`);
  };
  return waitFor(`${count} pods of ${name}`, probe, { timeoutMs: PATIENCE_MS, intervalMs: 200 });
}

export function listPods({ api }: Pick<Cluster, "api">, app: string): Promise<readonly V1Pod[]> {
  return api.list<V1Pod>(`${NAMESPACE}/pods?labelSelector=app%3D${app}`);
}

export function isReady({ metadata, status }: V1Pod): boolean {
  const condition = status?.conditions?.find(({ type }) => type === "Ready");
  return metadata?.deletionTimestamp === undefined && condition?.status === "True";
}

/** A service in front of the pods of this name, of all families of the cluster; gives its addresses. */
export async function createService({ api, plan }: Cluster, name: string): Promise<readonly string[]> {
  const service: V1Service = {
    metadata: { name },
    spec: {
      selector: { app: name },
      ipFamilyPolicy: plan.families.length > 1 ? "RequireDualStack" : "SingleStack",
      ports: [{ port: PEER_PORT }],
    },
  };
  const { spec } = await api.create<V1Service>(`${NAMESPACE}/services`, service);
  return spec?.clusterIPs ?? [];
}

function peerOf({ metadata, spec, status }: V1Pod): Peer {
  return {
    name: metadata?.name ?? "",
    node: spec?.nodeName ?? "",
    addresses: (status?.podIPs ?? []).map(({ ip }) => ip),
  };
}
