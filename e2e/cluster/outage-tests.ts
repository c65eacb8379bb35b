import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { askFrom } from "./ask.ts";
import type { Cluster } from "./cluster.ts";
import { waitForNodes } from "./cluster-nodes.ts";
import { findUnreached } from "./reach.ts";
import { replaceSandbox } from "./sandboxes.ts";
import { deployPeers, type Peer, removePeers } from "./workloads.ts";

const OUTAGE_MS = 120_000;

/** Without the Kubernetes API pods go on, and even new sandboxes get a network. */
export function testOutage(getCluster: () => Cluster): void {
  describe("the API server is stopped for two minutes", () => {
    test("pods answer all the time, sandboxes that end are replaced, and afterwards all is as before", async (t) => {
      const cluster = getCluster();
      const { controlPlane, nodes } = cluster;
      // A restart of the agents may just have made one NotReady, and then no pod would be sent to it.
      await waitForNodes(cluster, "True");
      const [steady, replaced] = await Promise.all([
        deployPeers(cluster, "steady", { replicas: nodes.length }),
        deployPeers(cluster, "replaced", { replicas: nodes.length }),
      ]);
      await controlPlane.stopApiServer();
      const end = performance.now() + OUTAGE_MS;
      for (const peer of replaced) {
        const node = nodes.find(({ name }) => name === peer.node) ?? assert.fail();
        const addresses = await replaceSandbox(node, peer);
        assert.equal(addresses.length, cluster.plan.families.length, peer.name);
        assert.notDeepEqual(addresses, peer.addresses, peer.name);
      }
      let rounds = 0;
      while (performance.now() < end) {
        await expectAnswers(cluster, steady);
        rounds += 1;
        await delay(1000);
      }
      t.diagnostic(`answered in all ${rounds} rounds; ${replaced.length} sandboxes were replaced`);
      await controlPlane.startApiServer();
      // The clients of kubelets come back slowly.
      await waitForNodes(cluster, "True", 120_000);
      const added = await deployPeers(cluster, "added", { replicas: nodes.length });
      assert.deepEqual(await findUnreached(cluster, [...steady, ...added]), []);
      await Promise.all(["steady", "replaced", "added"].map((name) => removePeers(cluster, name)));
    });
  });
}

/** From every node itself, because there is no `kubectl exec` now. */
async function expectAnswers(cluster: Cluster, peers: readonly Peer[]): Promise<void> {
  const addresses = peers.flatMap((peer) => peer.addresses);
  const want = peers.flatMap((peer) => peer.addresses.map((address) => [address, peer.name]));
  for (const { name, enterNetwork } of cluster.nodes) {
    const answers = await askFrom(cluster, enterNetwork(), addresses);
    const got = [...answers].map(([address, answer]) => [address, answer.split(" ")[0]]);
    assert.deepEqual(got, want, `from ${name}`);
  }
}
