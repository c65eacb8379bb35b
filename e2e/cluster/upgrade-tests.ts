import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CoreV1Event } from "@kubernetes/client-node";
import { installCauseway } from "./causeway.ts";
import { churnPods } from "./churn.ts";
import type { Cluster } from "./cluster.ts";

const UPGRADES = 3;

/** So many pods at least must have had the chance to fail. */
const PODS = 20;

/** Upgrades happen while pods come and go. */
export function testUpgrade(getCluster: () => Cluster): void {
  describe("helm upgrade", () => {
    test(`upgrades, ${UPGRADES} at least, while pods are created and deleted all the time, fail no sandbox`, async (t) => {
      const cluster = getCluster();
      const before = await sandboxFailures(cluster);
      await using churn = churnPods(cluster);
      let upgrades = 0;
      while (upgrades < UPGRADES || churn.started() < PODS) {
        upgrades += 1;
        await installCauseway(cluster, "--set-string", `podAnnotations.upgrade=${upgrades}`);
      }
      t.diagnostic(`${upgrades} upgrades with ${await churn.stop()} ADDs`);
      assert.deepEqual(
        (await sandboxFailures(cluster)).filter((message) => !before.includes(message)),
        [],
      );
    });
  });
}

/** What kubelets have said of sandboxes that they could not make. */
async function sandboxFailures({ api }: Cluster): Promise<readonly string[]> {
  const path = "/api/v1/namespaces/default/events?fieldSelector=reason%3DFailedCreatePodSandBox";
  return (await api.list<CoreV1Event>(path)).map(({ message }) => message ?? "");
}
