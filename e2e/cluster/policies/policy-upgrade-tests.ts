import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntilHolds } from "../../lib/wait-for.ts";
import { installCauseway, rollBackCauseway } from "../causeway.ts";
import type { Cluster } from "../cluster.ts";
import { FOLLOW, type Shop } from "./shop.ts";

const FRIENDS_ALONE = { friends: true, strangers: false } as const;
const ALL = { friends: true, strangers: true } as const;

/** The chart is upgraded and rolled back, while a policy lets friends in and no one else. */
export function testPolicyUpgrades(getCluster: () => Cluster, getShop: () => Shop): void {
  test("an upgrade and its rollback let no stranger in, and keep no friend out, at any moment", async (t) => {
    const cluster = getCluster();
    const upgrade = installCauseway(cluster, "--set-string", "podAnnotations.upgrade=policies");
    const asked = await askDuring(getShop(), upgrade);
    const askedBack = await askDuring(getShop(), rollBackCauseway(cluster));
    t.diagnostic(`${asked} rounds of questions during the upgrade, ${askedBack} during the rollback`);
  });

  test("an upgrade to config.policy.enabled=false leaves nothing that drops, and its rollback isolates again", async () => {
    const cluster = getCluster();
    await installCauseway(cluster, "--set", "config.policy.enabled=false");
    await waitUntilHolds("all to be let in", () => getShop().expectReach(ALL), FOLLOW);
    for (const node of cluster.nodes)
      assert.doesNotMatch(await node.run("nft", "list", "tables"), /causeway-policy/, node.name);
    await rollBackCauseway(cluster);
    await waitUntilHolds("strangers to be kept out", () => getShop().expectReach(FRIENDS_ALONE), FOLLOW);
  });
}

/** Gives how often all was as it should be until the work was done. */
async function askDuring(shop: Shop, work: Promise<void>): Promise<number> {
  const progress = { isDone: false };
  const end = work.finally(() => (progress.isDone = true));
  // Whoever awaits it below learns of its failure.
  end.catch(() => {});
  let rounds = 0;
  while (!progress.isDone) {
    await shop.expectReach(FRIENDS_ALONE);
    rounds += 1;
  }
  await end;
  return rounds;
}
