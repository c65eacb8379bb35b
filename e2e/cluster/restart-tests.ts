import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { waitFor } from "../lib/wait-for.ts";
import { agentPods, killAgent, readyRestarts } from "./causeway.ts";
import type { Cluster } from "./cluster.ts";
import { waitForNodes } from "./cluster-nodes.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { findUnreached } from "./reach.ts";
import { deployPeers, listPods, type Peer, removePeers, waitForPeers } from "./workloads.ts";

const REPLICAS = 4;

/** Everything on a node ends and comes again; pods keep their network, or get it again. */
export function testRestarts(getCluster: () => Cluster): void {
  describe("restarts", () => {
    let steady: readonly Peer[] = [];
    before(async () => {
      steady = await deployPeers(getCluster(), "steady", { replicas: REPLICAS });
    });
    after(async () => {
      await removePeers(getCluster(), "steady");
    });

    test("an agent that is killed is away while pods reach each other, and comes again to serve new ones", async (t) => {
      const cluster = getCluster();
      const [node = assert.fail()] = cluster.nodes;
      const restarts = (await readyRestarts(cluster, node)) ?? assert.fail();
      await killAgent(node);
      const startMs = performance.now();
      assert.deepEqual(await findUnreached(cluster, steady), []);
      const added = await deployPeers(cluster, "added", { replicas: 1, node: node.name });
      t.diagnostic(`from the kill to a new pod that is Ready: ${Math.round(performance.now() - startMs)} ms`);
      assert.deepEqual(await findUnreached(cluster, [...steady, ...added]), []);
      const isBack = async (): Promise<true | undefined> =>
        (await readyRestarts(cluster, node)) === restarts + 1 || undefined;
      await waitFor("the agent's restart in the API", isBack, { timeoutMs: 60_000, intervalMs: 200 });
      await removePeers(cluster, "added");
    });

    for (const program of ["containerd", "kubelet"] as const) {
      test(`${program} is killed and started: pods reach each other all the time, and new ones start`, async () => {
        const cluster = getCluster();
        const [node = assert.fail()] = cluster.nodes;
        await node[program].stop("SIGKILL");
        const others = steady.filter((peer) => peer.node !== node.name);
        // Through `kubectl exec`, for which the node's own kubelet and runtime are needed.
        const fromOthers = await findUnreached(cluster, steady, others);
        assert.deepEqual(fromOthers, []);
        await node[program].start();
        await waitForNodes(cluster, "True");
        const added = await deployPeers(cluster, "added", { replicas: 1, node: node.name });
        assert.deepEqual(await findUnreached(cluster, [...steady, ...added]), []);
        await removePeers(cluster, "added");
      });
    }

    test("new pods of a rolled out deployment are reached by all, under new addresses", async () => {
      const cluster = getCluster();
      await cluster.kubectl(["rollout", "restart", "deployment/steady"]);
      await cluster.kubectl(["rollout", "status", "deployment/steady", "--timeout=60s"]);
      const old = new Set(steady.map(({ name }) => name));
      steady = await waitForPeers(cluster, "steady", REPLICAS);
      assert.deepEqual(
        steady.filter(({ name }) => old.has(name)),
        [],
      );
      assert.deepEqual(await findUnreached(cluster, steady), []);
    });

    test("a node that loses power and boots again serves all its pods anew", async (t) => {
      const cluster = getCluster();
      const node = cluster.nodes.at(-1) ?? assert.fail();
      await node.powerOff();
      const startMs = performance.now();
      await node.boot();
      // Until the kubelet has looked, the API shows the time before.
      await waitForRestart(cluster, node, ["steady"]);
      t.diagnostic(`from power on to all pods Ready: ${Math.round(performance.now() - startMs)} ms`);
      steady = await waitForPeers(cluster, "steady", REPLICAS);
      assert.deepEqual(await findUnreached(cluster, steady), []);
    });

    test("a drained node keeps no attachment, and gets pods again when it is uncordoned", async () => {
      const cluster = getCluster();
      const node = cluster.nodes.at(-1) ?? assert.fail();
      await cluster.kubectl([
        "drain",
        node.name,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--timeout=60s",
      ]);
      const moved = await waitForPeers(cluster, "steady", REPLICAS);
      assert.deepEqual(
        moved.filter((peer) => peer.node === node.name),
        [],
      );
      assert.deepEqual(await findUnreached(cluster, moved), []);
      await waitFor(
        `no attachment on ${node.name}`,
        async () => (await countAttachments(node)) === 0 || undefined,
        {
          timeoutMs: 20_000,
        },
      );
      await cluster.kubectl(["uncordon", node.name]);
      const added = await deployPeers(cluster, "added", { replicas: 1, node: node.name });
      assert.deepEqual(await findUnreached(cluster, [...moved, ...added]), []);
      await removePeers(cluster, "added");
      steady = moved;
    });
  });
}

/**
 * Waits until all containers of these deployments' pods on a node, and its agent, have been started again and
 * are Ready.
 */
async function waitForRestart(cluster: Cluster, node: ClusterNode, names: readonly string[]): Promise<void> {
  const probe = async (): Promise<true | undefined> => {
    const pods = (await Promise.all(names.map((name) => listPods(cluster, name)))).flat();
    const own = pods.filter(({ spec }) => spec?.nodeName === node.name);
    const agent = (await agentPods(cluster)).get(node.name);
    const statuses = [...own, ...(agent === undefined ? [] : [agent])].map(
      ({ status }) => status?.containerStatuses?.[0],
    );
    return statuses.every((status) => status?.ready === true && status.restartCount > 0) || undefined;
  };
  await waitFor(`restarted pods on ${node.name}`, probe, { timeoutMs: 120_000, intervalMs: 200 });
}

/** Pod interfaces that Causeway has made on a node. */
async function countAttachments(node: ClusterNode): Promise<number> {
  const links = JSON.parse(await node.run("ip", "-json", "link", "show", "type", "veth")) as readonly {
    ifname?: string;
  }[];
  return links.filter(({ ifname = "" }) => ifname.startsWith("cw")).length;
}
