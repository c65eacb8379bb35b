import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { installCauseway } from "./causeway.ts";
import { readyCondition, waitForNodes } from "./cluster-nodes.ts";
import { PATHS } from "./node-config.ts";

/** A way to install Causeway, which ends when all agents are ready. */
interface Installation {
  /** Of the test. */
  readonly title: string;
  readonly install: (cluster: Cluster) => Promise<void>;
}

const HELM: Installation = {
  title: "helm installs Causeway, and every node becomes Ready",
  install: installCauseway,
};

/** Nodes become Ready through Causeway, and only through it. */
export function testReadiness(getCluster: () => Cluster, { title, install }: Installation = HELM): void {
  test("without a network plugin no node is Ready, and the reason is the network", async () => {
    const cluster = getCluster();
    await waitForNodes(cluster, "False");
    for (const node of await cluster.api.list<V1Node>("/api/v1/nodes")) {
      assert.match(readyCondition(node).message, /cni plugin not initialized/, node.metadata?.name ?? "");
    }
  });

  test(title, async (t) => {
    const cluster = getCluster();
    const startMs = performance.now();
    await install(cluster);
    await waitForNodes(cluster, "True");
    t.diagnostic(`installation to all nodes Ready: ${Math.round(performance.now() - startMs)} ms`);
    for (const { name, root } of cluster.nodes) {
      const conflists = readdirSync(join(root, PATHS.cniConfDir));
      assert.deepEqual(conflists, ["10-causeway.conflist"], name);
    }
  });
}
