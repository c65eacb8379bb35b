import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { startPrometheus } from "../prometheus/prometheus.ts";
import { agentPods } from "./causeway.ts";
import type { Cluster } from "./cluster.ts";
import { hostOf } from "./cluster-plan.ts";
import { deployPeers, removePeers } from "./workloads.ts";

/** A real Prometheus reaches all agents. */
export function testMetrics(getCluster: () => Cluster): void {
  test("a Prometheus scrapes every agent's pod, which tells of the pods on its node", async () => {
    const cluster = getCluster();
    const { folder, fabric, nodes } = cluster;
    await deployPeers(cluster, "counted", { replicas: 3 * nodes.length });
    const prometheus = await startPrometheus({
      folder,
      netns: fabric.netns,
      targets: await findTargets(cluster),
      rules: "{}",
    });
    try {
      const want = nodes.map(({ name }) => [name, "3"]);
      await waitUntilHolds(
        "the metrics of all agents",
        async () => {
          const now = Date.now() / 1000;
          const series = await prometheus.queryRange("causeway_attachments", {
            start: now,
            end: now,
            step: 1,
          });
          const got = series.map(({ metric, values }) => [metric["instance"] ?? "", values.at(-1)?.[1]]);
          assert.deepEqual(
            got.toSorted(([a = ""], [b = ""]) => a.localeCompare(b)),
            want,
          );
        },
        { timeoutMs: 20_000, intervalMs: 500 },
      );
    } finally {
      await prometheus.stop();
    }
    await removePeers(cluster, "counted");
  });
}

/**
 * The port "metrics" of all agents' pods. Debian's Prometheus is built without the discovery that would find
 * it by itself.
 */
async function findTargets(cluster: Cluster): Promise<object> {
  const targets = [...(await agentPods(cluster))].map(([instance, { spec, status }]) => {
    const port = spec?.containers[0]?.ports?.find(({ name }) => name === "metrics")?.containerPort;
    return { targets: [`${hostOf(status?.podIP ?? "")}:${port}`], labels: { instance } };
  });
  return { static_configs: targets };
}
