import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntilHolds } from "../lib/wait-for.ts";
import type { ClusterLab } from "../nodes/cluster-lab.ts";
import {
  DEVICE,
  encrypting,
  patienceOf,
  publishKeys,
  restartEncrypting,
  startSniffer,
  whilePublishing,
  reachPods,
} from "./encrypted-lab.ts";
import { pingMarked, podsOf } from "./encryption-tests.ts";
import { others } from "./load.ts";

/** Ways in clear to all pods, as a router of the cluster's network may have them. */
const CLEAR_WAYS = [
  "ip route add 10.244.0.0/16 via 192.0.2.12",
  "ip -6 route add fd00:10:244::/48 via 2001:db8:2::12",
];

/** A node that must encrypt, and starts knowing nothing. */
export function testUnknownCluster(getLab: () => ClusterLab): void {
  test("an agent that starts before it knows any node, as while the API server is away, lets nothing out in clear", async () => {
    const lab = getLab();
    await restartEncrypting(lab, true);
    const places = await publishKeys(lab);
    const n1 = lab.node("n1");
    await using sniffer = await startSniffer(lab.network.router);
    await n1.stopAgent("SIGKILL");
    n1.writeNodes(undefined);
    await n1.run("sh", "-ec", [`ip link del ${DEVICE}`, ...CLEAR_WAYS].join("; "));
    // It has recovered its PodCIDRs from the bridge, and is ready with them.
    await n1.startAgentWith(encrypting(true));
    await pingMarked(lab);
    await n1.run("sh", "-ec", CLEAR_WAYS.join("; ").replaceAll(" add ", " del "));
    lab.setCluster(places);
    await publishKeys(lab);
    for (const node of lab.nodes) await reachPods(node, podsOf(others(lab, node)));
    const { encrypted, marked, clear } = await sniffer.stop();
    assert.deepEqual({ marked, clear }, { marked: 0, clear: {} });
    assert.ok(encrypted > 0);
  });
}

/** What somebody does to the device while the agent runs; of nodes that must encrypt by now. */
export function testDamagedDevice(getLab: () => ClusterLab): void {
  for (const { what, damage } of [
    { what: "set down", damage: `ip link set ${DEVICE} down` },
    { what: "deleted, and with it the node's key", damage: `ip link del ${DEVICE}` },
  ])
    test(`a device that somebody has ${what} is back at once, counted, and nothing is in clear`, async () => {
      const lab = getLab();
      const n1 = lab.node("n1");
      const targets = podsOf(others(lab, n1));
      const countRepairs = (): Promise<number> =>
        n1.agent().metric("causeway_drift_repairs_total", { kind: "encryption_device" });
      await reachPods(n1, targets);
      const before = await countRepairs();
      await using sniffer = await startSniffer(lab.network.router);
      await whilePublishing(lab, async () => {
        await n1.run("sh", "-ec", damage);
        await waitUntilHolds(
          "the repair",
          async () => assert.ok((await countRepairs()) > before),
          patienceOf(n1),
        );
        await reachPods(n1, targets);
      });
      const { marked, clear } = await sniffer.stop();
      assert.deepEqual({ marked, clear }, { marked: 0, clear: {} });
    });
}
