import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { REJECT_AFTER_SECONDS } from "../../agent/plan/encryption/peer-session.ts";
import { askAgent } from "../../agent/report/ask-agent.ts";
import { startProcess } from "../lib/process.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterLab, LabNode } from "../nodes/cluster-lab.ts";
import { PORT, publishKeys, readDevice, reachPods } from "./encrypted-lab.ts";
import { MAX_GAP_MS, serversOf, startLoad } from "./load.ts";

/** Above the time after which a session gets new keys (REKEY_AFTER_TIME of the whitepaper, section 6.1). */
const WITHIN = { timeoutMs: 1000 * REJECT_AFTER_SECONDS, intervalMs: 1000 };

/** When each node and each of its peers have shaken hands last, in Unix seconds. */
async function readHandshakes(lab: ClusterLab): Promise<ReadonlyMap<string, number>> {
  const devices = await Promise.all(lab.nodes.map(readDevice));
  return new Map(
    devices.flatMap(({ publicKey: own, peers }) =>
      peers.map(({ publicKey, lastHandshake }) => [`${own} with ${publicKey}`, lastHandshake] as const),
    ),
  );
}

/** Keys that the agent of a node says are called and do not answer. */
async function unansweredBy({ socket }: LabNode): Promise<readonly string[]> {
  const answer = await askAgent(socket, { query: "report", timeoutMs: 5000 });
  return answer.kind === "answer" ? (answer.report.peers.unanswered ?? []) : [];
}

/** What is promised of sessions that live, and what shows when one ends: takes minutes of WireGuard's clock. */
export function testRekey(getLab: () => ClusterLab): void {
  describe("new keys of sessions", () => {
    testUnderLoad(getLab);
    testBlocked(getLab);
  });
}

function testBlocked(getLab: () => ClusterLab): void {
  test("a node whose port is blocked after it has worked is named by a node whose pods call it, until it answers again", async () => {
    const lab = getLab();
    const [n1, n2] = [lab.node("n1"), lab.node("n2")];
    const targets = serversOf([n2]);
    await reachPods(n1, targets);
    const { publicKey } = await readDevice(n2);
    assert.deepEqual(await unansweredBy(n1), []);
    const rule = `table inet blocked { chain input { type filter hook input priority -300; udp dport ${PORT} drop; }; }`;
    await n2.run("nft", rule);
    const command = [...n1.pods[0].netns.enter, "ping", "-q", "-i", "1", targets[0] ?? ""];
    const ping = await startProcess({
      name: "ping",
      command,
      folder: process.env["CAUSEWAY_E2E_FOLDER"] ?? "",
    });
    try {
      await waitFor(
        "n1 to say that n2 does not answer",
        async () => (await unansweredBy(n1)).includes(publicKey) || undefined,
        { timeoutMs: 2000 * REJECT_AFTER_SECONDS, intervalMs: 2000 },
      );
    } finally {
      await n2.run("nft", "delete table inet blocked");
      await ping.stop();
    }
    await reachPods(n1, targets);
    await waitFor(
      "n1 to say nothing more of n2",
      async () => (await unansweredBy(n1)).length === 0 || undefined,
      WITHIN,
    );
  });
}

function testUnderLoad(getLab: () => ClusterLab): void {
  test("connections outlive the new keys that their sessions get every two minutes", async () => {
    const lab = getLab();
    await publishKeys(lab);
    await using load = await startLoad(lab, { everyMs: 200 });
    const before = await readHandshakes(lab);
    assert.equal(before.size, lab.nodes.length * (lab.nodes.length - 1));
    const pauses = new Map<string, number>();
    await waitFor(
      "a new handshake of each node with each other",
      async () => {
        const after = await readHandshakes(lab);
        for (const [pair, seconds] of before) {
          const pause = (after.get(pair) ?? 0) - seconds;
          if (pause > 0 && !pauses.has(pair)) pauses.set(pair, pause);
        }
        return pauses.size === before.size || undefined;
      },
      WITHIN,
    );
    const gapMs = await load.stop();
    const longestS = Math.max(...pauses.values());
    console.log(`new keys of ${pauses.size} sessions after ${longestS} s: longest silence ${gapMs} ms`);
    assert.ok(longestS < REJECT_AFTER_SECONDS, "the next session began before the end of the one before");
    assert.ok(gapMs < MAX_GAP_MS, `${gapMs} ms`);
  });
}
