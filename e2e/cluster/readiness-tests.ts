import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { readyCondition, waitForNodes } from "./cluster-nodes.ts";

/** Nodes become Ready through Causeway, and only through it. */
export function testReadiness(getCluster: () => Cluster): void {
  test("without a network plugin no node is Ready, and the reason is the network", async () => {
    const cluster = getCluster();
    await waitForNodes(cluster, "False");
    for (const node of await cluster.api.list<V1Node>("/api/v1/nodes")) {
      assert.match(readyCondition(node).message, /cni plugin not initialized/, node.metadata?.name ?? "");
    }
  });
}
