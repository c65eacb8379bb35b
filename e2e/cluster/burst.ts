import { sumSamples } from "../lib/agent.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { CONTAINERD_METRICS } from "./node-config.ts";
import { deployPeers, removePeers } from "./workloads.ts";

export interface BurstFigures {
  readonly pods: number;
  /** From the creation of the deployment until the last pod is Ready. */
  readonly totalMs: number;
  /** Of one sandbox by containerd's own metrics, mean: loopback and the network plugin. */
  readonly networkMs: number;
  /** Of one sandbox, mean: the rest, which is runc's and the shim's. */
  readonly runtimeMs: number;
}

const METRICS = {
  network: "containerd_cri_sandbox_create_network_seconds",
  runtime: "containerd_cri_sandbox_runtime_create_seconds",
} as const;

/** Schedules many pods to one node at once, measures, and removes them. */
export async function measureBurst(cluster: Cluster, node: ClusterNode, pods: number): Promise<BurstFigures> {
  const before = await readMetrics(node);
  const startMs = performance.now();
  await deployPeers(cluster, "burst", { replicas: pods, node: node.name });
  const totalMs = performance.now() - startMs;
  const after = await readMetrics(node);
  await removePeers(cluster, "burst");
  const meanMs = (metric: string): number => {
    const [sum, count] = ["sum", "count"].map(
      (part) => sumSamples(after, `${metric}_${part}`) - sumSamples(before, `${metric}_${part}`),
    );
    return (1000 * (sum ?? 0)) / (count ?? 0);
  };
  return { pods, totalMs, networkMs: meanMs(METRICS.network), runtimeMs: meanMs(METRICS.runtime) };
}

export function describeBurst(name: string, figures: BurstFigures): string {
  const { pods, totalMs, networkMs, runtimeMs } = figures;
  const share = (100 * networkMs) / (networkMs + runtimeMs);
  return [
    `${name}: ${pods} pods in ${(totalMs / 1000).toFixed(1)} s (${((1000 * pods) / totalMs).toFixed(1)} per second)`,
    `network of a sandbox ${networkMs.toFixed(1)} ms, runtime ${runtimeMs.toFixed(1)} ms (CNI ${share.toFixed(0)} %)`,
  ].join("; ");
}

function readMetrics(node: ClusterNode): Promise<string> {
  return node.run("curl", "-sSf", `http://${CONTAINERD_METRICS}/v1/metrics`);
}
