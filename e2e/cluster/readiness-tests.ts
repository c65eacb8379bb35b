import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { installCauseway } from "./causeway.ts";
import { readyCondition, waitForNodes } from "./cluster-nodes.ts";
import { PATHS } from "./node-config.ts";

/** Nodes become Ready through Causeway, and only through it. */
export function testReadiness(getCluster: () => Cluster): void {
  test("without a network plugin no node is Ready, and the reason is the network", async () => {
    const cluster = getCluster();
    await waitForNodes(cluster, "False");
    for (const node of await cluster.api.list<V1Node>("/api/v1/nodes")) {
      assert.match(readyCondition(node).message, /cni plugin not initialized/, node.metadata?.name ?? "");
    }
  });

  test("helm installs Causeway, and every node becomes Ready", async (t) => {
    const cluster = getCluster();
    const startMs = performance.now();
    await installCauseway(cluster);
    await waitForNodes(cluster, "True");
    t.diagnostic(`helm install to all nodes Ready: ${Math.round(performance.now() - startMs)} ms`);
    for (const { name, root } of cluster.nodes) {
      const conflists = readdirSync(join(root, PATHS.cniConfDir));
      assert.deepEqual(conflists, ["10-causeway.conflist"], name);
    }
  });
}
