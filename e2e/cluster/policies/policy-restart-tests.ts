import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntilHolds } from "../../lib/wait-for.ts";
import { killAgent, readyRestarts } from "../causeway.ts";
import type { Cluster } from "../cluster.ts";
import { waitForNodes } from "../cluster-nodes.ts";
import { FOLLOW, type Shop } from "./shop.ts";

const FRIENDS_ALONE = { friends: true, strangers: false } as const;

/**
 * Pods, agents, the API server and a node end and come again, while a policy lets friends in and no one else.
 */
export function testPolicyRestarts(getCluster: () => Cluster, getShop: () => Shop): void {
  const expectFriendsAlone = (): Promise<void> => getShop().expectReach(FRIENDS_ALONE);

  test("a pod that starts anew, under other addresses, keeps what policies give it", async () => {
    await getShop().replaceFriend();
    await waitUntilHolds("friends to be let in", expectFriendsAlone, FOLLOW);
  });

  test("agents that are killed, and come again without an API server, change nothing", async () => {
    const cluster = getCluster();
    const { controlPlane, nodes } = cluster;
    const restarts = await Promise.all(nodes.map((node) => readyRestarts(cluster, node)));
    await controlPlane.stopApiServer();
    for (const node of nodes) await killAgent(node);
    for (let round = 0; round < 8; round += 1) await expectFriendsAlone();
    await controlPlane.startApiServer();
    for (const [index, node] of nodes.entries())
      await waitUntilHolds(
        `the restart of the agent of ${node.name}`,
        async () => assert.equal(await readyRestarts(cluster, node), (restarts[index] ?? 0) + 1),
        { timeoutMs: 120_000, intervalMs: 200 },
      );
    await waitForNodes(cluster, "True", 120_000);
    await expectFriendsAlone();
  });

  test("a node that loses power and boots again lets no one in meanwhile, and its pods, under other addresses, keep what policies give them", async (t) => {
    const cluster = getCluster();
    const node = cluster.nodes.at(-1) ?? assert.fail();
    let rounds = 0;
    await getShop().cyclePower(node, async () => {
      await getShop().expectOutside(false, [node]);
      rounds += 1;
    });
    t.diagnostic(`${rounds} rounds of questions until the pods were back`);
    await waitUntilHolds("friends to be let in", expectFriendsAlone, FOLLOW);
    await getShop().expectOutside(false);
  });
}
