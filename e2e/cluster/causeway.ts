import type { V1Pod } from "@kubernetes/client-node";
import { join } from "node:path";
import { REPOSITORY } from "../lib/tools.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { isReady } from "./workloads.ts";

export const NAMESPACE = "causeway-system";

export const CHART = join(REPOSITORY, "charts", "causeway");
const WAIT = ["--wait", "--timeout", "120s"];

/** Installs the chart, as its users do, or upgrades it; ends when all agents are ready. */
export async function installCauseway(cluster: Cluster, ...flags: readonly string[]): Promise<void> {
  await installChart(cluster, CHART, ...WAIT, ...flags);
}

/** Installs or upgrades a copy of the chart, and waits for nothing that the flags do not ask for. */
export async function installChart(
  cluster: Cluster,
  chart: string,
  ...flags: readonly string[]
): Promise<void> {
  const place = ["--namespace", NAMESPACE, "--create-namespace"];
  await cluster.helm("upgrade", "--install", "causeway", chart, ...place, ...flags);
}

/** Goes back to what was installed before the last upgrade; ends when all agents are ready. */
export async function rollBackCauseway(cluster: Cluster): Promise<void> {
  await cluster.helm("rollback", "causeway", "--namespace", NAMESPACE, ...WAIT);
}

export async function uninstallCauseway(cluster: Cluster): Promise<void> {
  await cluster.helm("uninstall", "causeway", "--namespace", NAMESPACE, ...WAIT);
}

/** The agents' pods by their nodes; those that end are left out. */
export async function agentPods({ api }: Pick<Cluster, "api">): Promise<ReadonlyMap<string, V1Pod>> {
  const pods = await api.list<V1Pod>(
    `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app.kubernetes.io%2Fname%3Dcauseway`,
  );
  const staying = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  return new Map(staying.map((pod) => [pod.spec?.nodeName ?? "", pod]));
}

/** How often the agent of a node has been started again in its pod, once it is Ready; else undefined. */
export async function readyRestarts(cluster: Cluster, { name }: ClusterNode): Promise<number | undefined> {
  const pod = (await agentPods(cluster)).get(name);
  if (pod === undefined || !isReady(pod)) return undefined;
  return pod.status?.containerStatuses?.[0]?.restartCount;
}

/** Ends a node's agent as the kernel does when memory runs out. */
export async function killAgent({ run }: ClusterNode): Promise<void> {
  await run("pkill", "-KILL", "-f", "causeway.mjs agent");
}
