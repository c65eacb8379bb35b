import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { type BurstFigures, describeBurst, measureBurst } from "./burst.ts";
import { uninstallCauseway } from "./causeway.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { waitForNodes } from "./cluster-nodes.ts";
import { AGENT_IMAGE } from "./images.ts";
import { PATHS } from "./node-config.ts";
import { installReferenceNetwork } from "./reference-network.ts";

const BURST_PODS = 100;

/** Bursts of pods by Causeway and by the reference plugins, and between both the way out of the cluster. */
export function testBurstAndUninstall(getCluster: () => Cluster): void {
  describe("burst and uninstall", () => {
    let ours: BurstFigures | undefined;

    test(`${BURST_PODS} pods scheduled to a node at once all become Ready`, async (t) => {
      const cluster = getCluster();
      const [node = assert.fail()] = cluster.nodes;
      ours = await measureBurst(cluster, node, BURST_PODS);
      t.diagnostic(describeBurst("Causeway", ours));
    });

    test("helm uninstall, and uninstall --all, leave nodes as they were", async () => {
      const cluster = getCluster();
      await uninstallCauseway(cluster);
      for (const node of cluster.nodes) {
        await waitUntilHolds(
          `no file of ours on ${node.name}`,
          async () => assert.equal(await listFiles(node), ""),
          {
            timeoutMs: 20_000,
            intervalMs: 200,
          },
        );
        await removeAll(node);
        assert.equal(await listNetwork(node), "", node.name);
      }
    });

    test("the same burst by the reference plugins spends more time on the network", async (t) => {
      const cluster = getCluster();
      const [node = assert.fail()] = cluster.nodes;
      for (const { metadata, spec } of await cluster.api.list<V1Node>("/api/v1/nodes")) {
        const own = cluster.nodes.find(({ name }) => name === metadata?.name) ?? assert.fail();
        installReferenceNetwork(own, cluster.tools.cniPlugins, spec?.podCIDRs ?? []);
      }
      await waitForNodes(cluster, "True");
      const reference = await measureBurst(cluster, node, BURST_PODS);
      t.diagnostic(describeBurst("reference plugins", reference));
      assert.ok(ours !== undefined && ours.networkMs < reference.networkMs, "Causeway is slower");
    });
  });
}

/** What the installation put on a node. */
function listFiles(node: ClusterNode): Promise<string> {
  const folders = `${PATHS.cniBinDir} ${PATHS.cniConfDir} /run/causeway`;
  return node.run(
    "sh",
    "-c",
    `for folder in ${folders}; do if [ -e $folder ]; then find $folder ! -type d; fi; done`,
  );
}

/** As an operator does after the pods are gone, with the agent's image. */
async function removeAll(node: ClusterNode): Promise<void> {
  const mounts = [PATHS.cniBinDir, PATHS.cniConfDir, "/run"].flatMap((path) => [
    "--mount",
    `type=bind,src=${path},dst=${path},options=rbind:rw`,
  ]);
  const ctr = [`${PATHS.containerd}/ctr`, "--namespace", "k8s.io", "run", "--rm", "--net-host"];
  const runtime = ["--runc-binary", PATHS.runc, "--cap-add", "CAP_NET_ADMIN"];
  const program = ["node", "/opt/causeway/causeway.mjs", "uninstall", "--all"];
  await node.run(...ctr, ...runtime, ...mounts, AGENT_IMAGE, "causeway-uninstall", ...program);
}

/** Links, routes and tables that Causeway has made. */
function listNetwork(node: ClusterNode): Promise<string> {
  const links = "ip -o link show | grep -E '^[0-9]+: c[wi]'";
  const routes = "ip -4 route show table all proto 99; ip -6 route show table all proto 99";
  return node.run("sh", "-c", `${links}; ${routes}; nft list tables | grep causeway; true`);
}
