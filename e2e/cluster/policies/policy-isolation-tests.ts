import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntilHolds } from "../../lib/wait-for.ts";
import type { Cluster } from "../cluster.ts";
import { setBrNetfilter } from "../cluster-nodes.ts";
import { byApp, putPolicy, removePolicy, serversFrom } from "./policy-objects.ts";
import { FOLLOW, openShop, type Reach, SHOP } from "./shop.ts";

/** What every change is tried with: the first of all that `testPolicies` has. */
export function testPolicyIsolation(getCluster: () => Cluster): void {
  test("a policy isolates pods that are Ready by probes, also behind a service, lets friends in, and ends", async () => {
    const cluster = getCluster();
    const shop = await openShop(cluster);
    const follow = (what: string, want: Reach): Promise<void> =>
      waitUntilHolds(what, () => shop.expectReach(want), FOLLOW);
    for (const brNetfilter of ["0", "1"] as const) {
      for (const node of cluster.nodes) await setBrNetfilter(node, brNetfilter);
      await shop.expectReach({ friends: false, strangers: false });
    }
    await putPolicy(cluster, SHOP, "server", serversFrom([{ podSelector: byApp("friend") }]));
    await follow("friends to be let in", { friends: true, strangers: false });
    await removePolicy(cluster, SHOP, "server");
    await follow("all to be let in", { friends: true, strangers: true });
    await waitUntilHolds("the end of the tables", () => expectNoTables(cluster), FOLLOW);
    await shop.close();
  });
}

/** No policy, no cost. */
async function expectNoTables({ nodes }: Cluster): Promise<void> {
  for (const node of nodes)
    assert.doesNotMatch(await node.run("nft", "list", "tables"), /causeway-policy/, node.name);
}
