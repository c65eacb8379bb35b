import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { familyOf, ofFamily } from "./addresses.ts";
import { askFrom, askFromPod } from "./ask.ts";
import type { Cluster } from "./cluster.ts";
import { WORLD } from "./fabric.ts";
import { findUnreached } from "./reach.ts";
import { startWorldServer } from "./world-server.ts";
import { deployPeers, removePeers } from "./workloads.ts";

/** Pods reach pods, and the world outside, and are reached through host ports. */
export function testReach(getCluster: () => Cluster, { replicas }: { readonly replicas: number }): void {
  describe("reachability", () => {
    test(`a deployment of ${replicas} pods is spread over all nodes, and each reaches every one in all families`, async () => {
      const cluster = getCluster();
      const peers = await deployPeers(cluster, "crowd", { replicas });
      assert.deepEqual(
        cluster.nodes.map(({ name }) => peers.filter(({ node }) => node === name).length),
        cluster.nodes.map(() => replicas / cluster.nodes.length),
      );
      for (const { name, addresses } of peers)
        assert.deepEqual(addresses.map(familyOf), cluster.plan.families, name);
      assert.deepEqual(await findUnreached(cluster, peers), []);
      await removePeers(cluster, "crowd");
    });

    test("what leaves the cluster has the node's address", async () => {
      const cluster = getCluster();
      const peers = await deployPeers(cluster, "leaver", { replicas: cluster.nodes.length });
      await using server = await startWorldServer(cluster);
      const world = WORLD.filter((address) => cluster.plan.families.includes(familyOf(address)));
      for (const peer of peers) {
        const node = cluster.nodes.find(({ name }) => name === peer.node) ?? assert.fail();
        const answers = await askFromPod(cluster, peer, world);
        const want = world.map((address) => [
          address,
          `${server.hostName} ${ofFamily(node.addresses, address)}`,
        ]);
        assert.deepEqual([...answers], want, peer.node);
      }
      await removePeers(cluster, "leaver");
    });

    test("a host port is reached from outside, from the other node's pods and on the node itself", async () => {
      const cluster = getCluster();
      const hostPort = 8080;
      const [first = assert.fail(), second = assert.fail()] = cluster.nodes;
      const [server = assert.fail()] = await deployPeers(cluster, "hostport", {
        replicas: 1,
        node: first.name,
        hostPort,
      });
      const [client = assert.fail()] = await deployPeers(cluster, "client", {
        replicas: 1,
        node: second.name,
      });
      const servers = (answers: ReadonlyMap<string, string>): readonly string[] =>
        [...answers.values()].map((answer) => answer.replace(/ \S+$/, ""));
      const want = first.addresses.map(() => server.name);
      const outside = await askFrom(cluster, cluster.fabric.netns.enter, first.addresses, hostPort);
      assert.deepEqual(servers(outside), want, "from outside");
      assert.deepEqual(
        servers(await askFromPod(cluster, client, first.addresses, hostPort)),
        want,
        "from a pod",
      );
      assert.deepEqual(
        servers(await askFromPod(cluster, server, first.addresses, hostPort)),
        want,
        "from itself",
      );
      assert.deepEqual(
        servers(await askFrom(cluster, first.enterNetwork(), first.addresses, hostPort)),
        want,
        "on the node",
      );
      await removePeers(cluster, "hostport");
      const refused = await askFrom(cluster, cluster.fabric.netns.enter, first.addresses, hostPort);
      assert.deepEqual(
        [...refused.values()],
        first.addresses.map(() => "error: Connection refused"),
      );
      await removePeers(cluster, "client");
    });
  });
}
