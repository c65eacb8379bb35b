import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cidr } from "../../agent/testing/cidr.ts";
import { observeCommand, runCommand } from "../lib/command.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterLab, LabNode } from "../nodes/cluster-lab.ts";
import {
  DEVICE,
  encrypting,
  NEXT_DEVICE,
  PORT,
  patienceOf,
  publishKeys,
  readDevice,
  restartEncrypting,
  script,
  startSniffer,
  whilePublishing,
  reachPods,
} from "./encrypted-lab.ts";
import { pingFrom, sentFrom } from "./encryption-tests.ts";
import { MAX_GAP_MS, others, serversOf, startLoad } from "./load.ts";

async function rotate({ socket }: LabNode, ...flags: readonly string[]): Promise<void> {
  const program = [process.execPath, `${REPOSITORY}/dist/causeway.mjs`, "rotate-key", "--socket", socket];
  const { code, stdout, stderr } = await observeCommand([...program, ...flags]);
  assert.equal(code, 0, `${stdout}${stderr}`);
}

export const keyOf = async (node: LabNode): Promise<string> => (await readDevice(node)).publicKey;

/** Of nodes that send under a key that they have stolen. */
const STOLEN = { name: "stolen", mtu: 1420, port: 51_899, addresses: [] };

/** Waits until a node has another key, no device but one, and is known by that key alone. */
export async function waitForRotation(lab: ClusterLab, node: LabNode, before: string): Promise<void> {
  await waitFor(
    `${node.name} to have another key, that all others know`,
    async () => {
      const key = await keyOf(node);
      assert.notEqual(key, before);
      await assert.rejects(node.run("ip", "link", "show", NEXT_DEVICE));
      for (const other of others(lab, node)) {
        const known = (await readDevice(other)).peers.map(({ publicKey }) => publicKey);
        assert.ok(known.includes(key) && !known.includes(before), `${other.name} knows ${known.join()}`);
      }
      return true;
    },
    patienceOf(node),
  );
  // A guest that says nothing for long is taken for hung.
  console.log(`${node.name} has another key, that all others know`);
}

/** Lets n1 rotate its key, and waits until n2 knows the next one. */
export async function beginRotation(lab: ClusterLab): Promise<void> {
  await rotate(lab.node("n1"), "--no-wait");
  const isKnown = async (): Promise<true | undefined> =>
    (await readDevice(lab.node("n2"))).peers.length === 3 || undefined;
  await waitFor("n2 to know the next key", isKnown, patienceOf(lab.node("n2")));
}

/** What agents do about a rotation that is disturbed, of nodes that must encrypt by now. */
export function testRotation(getLab: () => ClusterLab): void {
  describe("rotation of keys", () => {
    testInterrupted(getLab);
    testStolen(getLab);
    testAge(getLab);
  });
}

/** What a rotation promises, on any kernel and on any WireGuard. */
export function testRotationUnderLoad(getLab: () => ClusterLab): void {
  test("connections under load outlive the rotation of one node's key and of all at once, and nothing is in clear", async () => {
    const lab = getLab();
    await restartEncrypting(lab, true);
    await publishKeys(lab);
    await using sniffer = await startSniffer(lab.network.router);
    for (const rotating of [[lab.node("n1")], lab.nodes]) {
      await using load = await startLoad(lab, { everyMs: 50 });
      const before = await Promise.all(rotating.map(keyOf));
      await whilePublishing(lab, async () => {
        await Promise.all(rotating.map((node) => rotate(node)));
        for (const [index, node] of rotating.entries()) await waitForRotation(lab, node, before[index] ?? "");
      });
      const gapMs = await load.stop();
      console.log(`rotation of ${rotating.length} of 3 nodes: longest silence ${gapMs} ms`);
      assert.ok(gapMs < MAX_GAP_MS, `${gapMs} ms`);
    }
    const { encrypted, marked, clear } = await sniffer.stop();
    assert.deepEqual({ marked, clear }, { marked: 0, clear: {} });
    assert.ok(encrypted > 0);
  });
}

function testInterrupted(getLab: () => ClusterLab): void {
  test("an agent that is killed when the next key is made, or when it is moved, goes on; its pods are reached all the while", async () => {
    const lab = getLab();
    const n1 = lab.node("n1");
    for (const isMoved of [false, true]) {
      await publishKeys(lab);
      const before = await keyOf(n1);
      await whilePublishing(lab, async () => {
        // Who does not answer holds the rotation up.
        await lab.node("n3").stopAgent("SIGTERM");
        await beginRotation(lab);
        await n1.stopAgent("SIGKILL");
      });
      if (isMoved) await n1.run(process.execPath, script("move-key.ts"), NEXT_DEVICE, DEVICE);
      await reachPods(n1, serversOf([lab.node("n2")]));
      await lab.node("n3").startAgentWith(encrypting(true));
      await n1.startAgentWith(encrypting(true));
      await whilePublishing(lab, () => waitForRotation(lab, n1, before));
      for (const node of lab.nodes) await reachPods(node, serversOf(others(lab, node)));
    }
  });

  test("a node whose agent is away is reached until it comes back, and then under the new key", async () => {
    const lab = getLab();
    const [n1, n3] = [lab.node("n1"), lab.node("n3")];
    await publishKeys(lab);
    const before = await keyOf(n1);
    await reachPods(n1, serversOf([n3]));
    await whilePublishing(lab, async () => {
      await n3.stopAgent("SIGTERM");
      await beginRotation(lab);
      await reachPods(n1, serversOf([n3]));
      assert.equal(await keyOf(n1), before);
      await n3.startAgentWith(encrypting(true));
      await waitForRotation(lab, n1, before);
    });
    await reachPods(n1, serversOf([n3]));
  });

  test("two requests at once are one rotation", async () => {
    const lab = getLab();
    const n2 = lab.node("n2");
    const before = await keyOf(n2);
    await whilePublishing(lab, async () => {
      await Promise.all([rotate(n2), rotate(n2)]);
      await waitForRotation(lab, n2, before);
    });
    await reachPods(n2, serversOf(others(lab, n2)));
  });
}

function testStolen(getLab: () => ClusterLab): void {
  test("a key that was stolen before it was replaced is worth nothing after", async () => {
    const lab = getLab();
    const [n1, n2] = [lab.node("n1"), lab.node("n2")];
    await publishKeys(lab);
    const { router } = lab.network;
    const stolen = (await n1.run(process.execPath, script("steal-key.ts"), DEVICE)).trim();
    const before = await keyOf(n1);
    const victim = {
      publicKey: await keyOf(n2),
      endpoint: { address: "192.0.2.12", port: PORT },
      allowedIps: n2.place.podCIDRs.map(cidr),
    };
    const plan = [JSON.stringify(STOLEN), JSON.stringify([["n2", victim]]), stolen];
    await runCommand([...router.enter, process.execPath, script("far-node.ts"), ...plan]);
    const source = "10.244.1.77";
    const [target] = n2.pods[1].addresses;
    await runCommand([
      ...router.enter,
      "sh",
      "-ec",
      `ip address add ${source}/32 dev lo; ip route add 10.244.2.0/24 dev ${STOLEN.name}`,
    ]);
    const hears = async (): Promise<boolean> => {
      await using sniffer = await startSniffer(n2.pods[1].netns);
      await pingFrom(router, source, target);
      return sentFrom(Object.keys((await sniffer.stop()).clear), source).length > 0;
    };
    try {
      assert.ok(await hears(), "who has a node's key is that node");
      await whilePublishing(lab, async () => {
        await rotate(n1);
        await waitForRotation(lab, n1, before);
      });
      assert.equal(await hears(), false);
    } finally {
      await runCommand([
        ...router.enter,
        "sh",
        "-c",
        `ip link del ${STOLEN.name}; ip address del ${source}/32 dev lo`,
      ]);
    }
    for (const node of lab.nodes) await reachPods(node, serversOf(others(lab, node)));
  });
}

function testAge(getLab: () => ClusterLab): void {
  test("a node replaces its key by itself when that is old, and not before", async () => {
    const lab = getLab();
    const n3 = lab.node("n3");
    await publishKeys(lab);
    const before = await keyOf(n3);
    const { flags = [], env = {} } = encrypting(true);
    const byAge = [...flags, "--encryption-rotate-after", "12h"];
    await whilePublishing(lab, async () => {
      await n3.stopAgent("SIGTERM");
      await n3.startAgentWith({ flags: byAge, env });
      for (const node of lab.nodes) await reachPods(node, serversOf(others(lab, node)));
      assert.equal(await keyOf(n3), before);
      await n3.stopAgent("SIGTERM");
      const aDayLater = `${env["NODE_OPTIONS"] ?? ""} --import=${script("aged-clock.ts")}`;
      await n3.startAgentWith({ flags: byAge, env: { ...env, NODE_OPTIONS: aDayLater } });
      await waitForRotation(lab, n3, before);
      await n3.stopAgent("SIGTERM");
      await n3.startAgentWith(encrypting(true));
    });
    for (const node of lab.nodes) await reachPods(node, serversOf(others(lab, node)));
  });
}
