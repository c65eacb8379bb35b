import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitUntilHolds } from "../lib/wait-for.ts";
import type { ClusterLab, LabNode } from "../nodes/cluster-lab.ts";
import {
  DEVICE,
  encrypting,
  NEXT_DEVICE,
  patienceOf,
  publishKeys,
  restartEncrypting,
  script,
  whilePublishing,
  reachPods,
} from "./encrypted-lab.ts";
import { others, serversOf } from "./load.ts";
import { beginRotation, keyOf, waitForRotation } from "./rotation-tests.ts";

/** What encryption can leave on a node: devices, routes through them, rules, marks, and what drops. */
async function leftOn(node: LabNode): Promise<readonly string[]> {
  const shows = [
    "ip -brief link",
    "ip route show table all",
    "ip -6 route show table all",
    "ip rule",
    "ip -6 rule",
  ];
  const all = await node.run("sh", "-c", [...shows, "nft list ruleset"].join("; "));
  return all.split("\n").filter((line) => /cw-wg|unencrypted|remote-pods|fwmark/.test(line));
}

/** Kills the agent of n1 in the middle of a rotation; `isMoved`: right after the key was moved. */
async function interruptRotation(lab: ClusterLab, isMoved: boolean): Promise<LabNode> {
  const [n1, n3] = [lab.node("n1"), lab.node("n3")];
  await publishKeys(lab);
  await whilePublishing(lab, async () => {
    // Who does not answer holds the rotation up.
    await n3.stopAgent("SIGTERM");
    await beginRotation(lab);
    await n1.stopAgent("SIGKILL");
  });
  if (isMoved) await n1.run(process.execPath, script("move-key.ts"), NEXT_DEVICE, DEVICE);
  await n3.startAgentWith(encrypting());
  return n1;
}

async function reachEachOther(lab: ClusterLab): Promise<void> {
  for (const node of lab.nodes) await reachPods(node, serversOf(others(lab, node)));
}

/** Encryption that ends, or goes on otherwise, while a node has two devices. */
export function testTurningOff(getLab: () => ClusterLab): void {
  describe("encryption that ends in the middle of a rotation", () => {
    for (const { step, isMoved } of [
      { step: "the next key is published", isMoved: false },
      { step: "the key is moved, and the Node still says the old one", isMoved: true },
    ]) {
      test(`an agent that is killed when ${step}, and starts without encryption, is reached all the while, and leaves nothing once its key is withdrawn`, async () => {
        const lab = getLab();
        await restartEncrypting(lab, false);
        const n1 = await interruptRotation(lab, isMoved);
        const { env = {} } = encrypting();
        await n1.startAgentWith({ flags: ["--encryption-type", "none"], env });
        await reachEachOther(lab);
        lab.setCluster(lab.nodes.map(({ place }) => place));
        await waitUntilHolds(
          "nothing left",
          async () => assert.deepEqual(await leftOn(n1), []),
          patienceOf(n1),
        );
        await reachEachOther(lab);
        await n1.stopAgent("SIGTERM");
        await n1.startAgentWith(encrypting());
      });

      test(`an agent that is killed when ${step}, and starts with another MTU, ends the rotation with it`, async () => {
        const lab = getLab();
        await restartEncrypting(lab, false);
        const before = await keyOf(lab.node("n1"));
        const n1 = await interruptRotation(lab, isMoved);
        await n1.run("ip", "link", "set", "up0", "mtu", "1400");
        await n1.startAgentWith(encrypting());
        await whilePublishing(lab, () => waitForRotation(lab, n1, before));
        assert.match(await n1.run("ip", "link", "show", DEVICE), / mtu 1320 /);
        await reachEachOther(lab);
        await n1.run("ip", "link", "set", "up0", "mtu", "1500");
      });
    }

    // The last one: it takes the pods of n1 away.
    test("an uninstallation leaves nothing", async () => {
      const lab = getLab();
      await restartEncrypting(lab, true);
      const n1 = await interruptRotation(lab, true);
      const flags = [
        "--standalone",
        "--node-name",
        n1.name,
        "--nodes-file",
        n1.nodesFile,
        "--socket",
        n1.socket,
      ];
      assert.ok((await leftOn(n1)).length > 0);
      await n1.run(process.execPath, "dist/causeway.mjs", "uninstall", "--all", ...flags);
      assert.deepEqual(await leftOn(n1), []);
    });
  });
}
