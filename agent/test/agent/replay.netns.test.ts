import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { countPods, NO_PODS } from "../../testing/machine/count-pods.ts";
import { host } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";
import { keptRecordings, type Recording, readRecordings } from "../../testing/agent/recordings.ts";
import { replay } from "../../testing/agent/replay.ts";

/** All recordings of runtimes, where this checkout has them; the kept ones are a part of them. */
const FOLDER =
  process.env["CAUSEWAY_RECORDINGS"] ?? join(import.meta.dirname, "../../../../shared/recordings");
const all = readRecordings(FOLDER);

describe("replay of what real runtimes called", () => {
  let node: TestNode;
  let agent: AgentProcess;
  let clean: string;

  const startAgent = async (): Promise<void> => {
    agent = node.start("--standalone", "--nodes-file", node.nodesFile);
    await agent.waitUntilReady();
  };

  before(async () => {
    node = makeNode();
    node.writeNodes("10.244.1.0/24", "fd00:1::/64");
    await startAgent();
    clean = await dumpNodeState();
  });
  after(() => node.remove());

  /** What a reboot leaves of the node's network: nothing. */
  const reboot = async (): Promise<void> => {
    await agent.end("SIGKILL");
    await host("ip link del group 25463; nft delete table inet causeway; nft delete table bridge causeway");
    await startAgent();
  };

  const replayAndCompare = async (recording: Recording): Promise<void> => {
    await replay(recording, { node, onReboot: reboot });
    assert.deepEqual(await countPods(agent), NO_PODS);
    await assertNodeState(clean);
  };

  for (const recording of keptRecordings()) {
    test(`replay, kept: ${recording.name}`, () => replayAndCompare(recording));
  }
  if (all === undefined) {
    test("replay of all recordings", { skip: `no folder "${FOLDER}" (CAUSEWAY_RECORDINGS)` });
    return;
  }
  for (const recording of all) test(`replay: ${recording.name}`, () => replayAndCompare(recording));
  test("replay found the recordings", () => assert.ok(all.length > 50, `${all.length} in "${FOLDER}"`));
});
