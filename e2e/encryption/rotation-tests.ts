import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { observeCommand } from "../lib/command.ts";
import { startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";
import { type ClusterLab, type LabNode, TCP_PORT } from "../nodes/cluster-lab.ts";
import { reachAll } from "../nodes/reach.ts";
import type { EchoLoad } from "./echo-load.ts";
import {
  DEVICE,
  encrypting,
  MARKER,
  NEXT_DEVICE,
  publishKeys,
  readDevice,
  script,
  startSniffer,
  whilePublishing,
} from "./encrypted-lab.ts";

const WITHIN = { timeoutMs: 60_000, intervalMs: 100 };

/** Longest silence of a connection under load: TCP's own repetitions are in it. */
const MAX_GAP_MS = 5000;

const others = (lab: ClusterLab, { name }: LabNode): readonly LabNode[] =>
  lab.nodes.filter((node) => node.name !== name);

const serversOf = (nodes: readonly LabNode[]): readonly string[] =>
  nodes.flatMap(({ pods }) => pods[0].addresses);

async function rotate({ socket }: LabNode, ...flags: readonly string[]): Promise<void> {
  const program = [process.execPath, `${REPOSITORY}/dist/causeway.mjs`, "rotate-key", "--socket", socket];
  const { code, stdout, stderr } = await observeCommand([...program, ...flags]);
  assert.equal(code, 0, `${stdout}${stderr}`);
}

const keyOf = async (node: LabNode): Promise<string> => (await readDevice(node)).publicKey;

/** Waits until a node has another key, no device but one, and is known by that key alone. */
async function waitForRotation(lab: ClusterLab, node: LabNode, before: string): Promise<void> {
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
    WITHIN,
  );
}

/** Lets n1 rotate its key, and waits until n2 knows the next one. */
async function beginRotation(lab: ClusterLab): Promise<void> {
  await rotate(lab.node("n1"), "--no-wait");
  const isKnown = async (): Promise<true | undefined> =>
    (await readDevice(lab.node("n2"))).peers.length === 3 || undefined;
  await waitFor("n2 to know the next key", isKnown, WITHIN);
}

/** Connections from the second pod of each node to all servers of the others, busy until they are stopped. */
async function startLoad(lab: ClusterLab) {
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(process.env["CAUSEWAY_E2E_FOLDER"] ?? "", "load-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const clients = await Promise.all(
    lab.nodes.map(async (node) => {
      const targets = serversOf(others(lab, node));
      const program = [process.execPath, script("echo-load.ts"), String(TCP_PORT), MARKER, ...targets];
      const name = `load-${node.name}`;
      const client = await startProcess({ name, command: [...node.pods[1].netns.enter, ...program], folder });
      cleanUps.defer(async () => void (await client.stop()));
      return client;
    }),
  );
  for (const client of clients) await client.waitForLine(/^connected$/, 10_000);
  const finish = cleanUps.move();
  return {
    /** Ends them; gives the longest silence in milliseconds. */
    async stop(): Promise<number> {
      const seen = await Promise.all(
        clients.map(async (client) => {
          await client.stop();
          return Object.entries(JSON.parse(client.output().trim().split("\n").at(-1) ?? "") as EchoLoad);
        }),
      );
      const all = seen.flat();
      assert.deepEqual(
        all.filter(([, { error, bytes }]) => error !== undefined || bytes === 0),
        [],
      );
      return Math.max(...all.map(([, { gapMs }]) => gapMs));
    },
    [Symbol.asyncDispose]: () => finish.disposeAsync(),
  };
}

/** What a rotation promises, on any kernel and on any WireGuard. */
export function testRotation(getLab: () => ClusterLab): void {
  describe("rotation of keys", () => {
    testUnderLoad(getLab);
    testInterrupted(getLab);
  });
}

function testUnderLoad(getLab: () => ClusterLab): void {
  test("connections under load outlive the rotation of one node's key and of all at once, and nothing is in clear", async () => {
    const lab = getLab();
    for (const node of lab.nodes) {
      await node.stopAgent("SIGTERM");
      await node.startAgentWith(encrypting(true));
    }
    await publishKeys(lab);
    await using sniffer = await startSniffer(lab.network.router);
    for (const rotating of [[lab.node("n1")], lab.nodes]) {
      await using load = await startLoad(lab);
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
      await reachAll(n1, serversOf([lab.node("n2")]));
      await lab.node("n3").startAgentWith(encrypting(true));
      await n1.startAgentWith(encrypting(true));
      await whilePublishing(lab, () => waitForRotation(lab, n1, before));
      for (const node of lab.nodes) await reachAll(node, serversOf(others(lab, node)));
    }
  });

  test("a node whose agent is away is reached until it comes back, and then under the new key", async () => {
    const lab = getLab();
    const [n1, n3] = [lab.node("n1"), lab.node("n3")];
    await publishKeys(lab);
    const before = await keyOf(n1);
    await reachAll(n1, serversOf([n3]));
    await whilePublishing(lab, async () => {
      await n3.stopAgent("SIGTERM");
      await beginRotation(lab);
      await reachAll(n1, serversOf([n3]));
      assert.equal(await keyOf(n1), before);
      await n3.startAgentWith(encrypting(true));
      await waitForRotation(lab, n1, before);
    });
    await reachAll(n1, serversOf([n3]));
  });

  test("two requests at once are one rotation", async () => {
    const lab = getLab();
    const n2 = lab.node("n2");
    const before = await keyOf(n2);
    await whilePublishing(lab, async () => {
      await Promise.all([rotate(n2), rotate(n2)]);
      await waitForRotation(lab, n2, before);
    });
    await reachAll(n2, serversOf(others(lab, n2)));
  });
}
