import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { hostLinkName } from "../../net/host-link.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { countPods, NO_PODS } from "../../testing/machine/count-pods.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { inParallel } from "../../testing/runner/in-parallel.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";
import { privileged } from "../../testing/runner/privileged.ts";

const PODS = 500;
const MAX_RSS_BYTES = 150e6;
const SAMPLE_MS = 5;

/** Namespaces are made and removed this many at a time; what is measured is all at once. */
const PREPARE = 16;

let node: TestNode;
let agent: AgentProcess;
let clean: string;

beforeEach(async () => {
  node = makeNode();
  node.writeNodes("10.244.0.0/22", "fd00:1::/64");
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  clean = await dumpNodeState();
});
afterEach(() => node.remove());

function sampleRss(): { stop(): { readonly peak: number; readonly samples: number } } {
  let peak = 0;
  let samples = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, agent.residentBytes());
    samples++;
  }, SAMPLE_MS).unref();
  return {
    stop() {
      clearInterval(timer);
      return { peak: Math.max(peak, agent.residentBytes()), samples };
    },
  };
}

/** A shim whose patience ends deletes its link by itself: the agent learns of that from the kernel. */
async function assertClean(): Promise<void> {
  await eventually(
    "no attachment is left",
    async () => isDeepStrictEqual(await countPods(agent), NO_PODS),
    agent.log,
  );
  await assertNodeState(clean);
}

describe("a storm", () => {
  let pods: Netns[];
  before(async () => {
    pods = await inParallel(Array.from({ length: PODS }), PREPARE, makeNetns);
  });
  after(() => inParallel(pods, PREPARE, (pod) => pod.remove()));

  test(`${PODS} ADDs at once all succeed within 150 MB, and as many DELs at once leave nothing`, async () => {
    const memory = sampleRss();
    const start = performance.now();
    const given = await Promise.all(pods.map((pod, index) => node.add(`storm-${index}`, pod)));
    const added = performance.now();
    assert.equal(new Set(given.flat()).size, 2 * PODS);
    assert.deepEqual(await countPods(agent), { taken: 2 * PODS, attachments: PODS });
    const deleting = performance.now();
    await Promise.all(pods.map((pod, index) => node.del(`storm-${index}`, pod.path)));
    const end = performance.now();
    const { peak, samples } = memory.stop();
    const seconds = (from: number, to: number): string => ((to - from) / 1000).toFixed(1);
    console.log(
      `${PODS} ADDs at once: ${seconds(start, added)} s; ${PODS} DELs at once: ${seconds(deleting, end)} s; RSS at most ${(peak / 1e6).toFixed(0)} MB (${samples} samples)`,
    );
    assert.ok(samples > 20);
    assert.ok(peak < MAX_RSS_BYTES, `RSS ${peak} bytes`);
    await assertClean();
  });
});

/** Runs the shim as a runtime that loses its patience: it is killed after a while, if it still runs. */
async function addAndKill(containerId: string, netns: string, afterMs: number): Promise<"killed" | "done"> {
  try {
    await privileged({
      command: ["timeout", "-s", "KILL", String(afterMs / 1000), `${node.cniBinDir}/causeway`],
      environment: environmentOf(containerId, netns),
      stdin: JSON.stringify({ cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: node.socket }),
    });
    return "done";
  } catch (error) {
    assert.match(String(error), /ended by SIGKILL/);
    return "killed";
  }
}

function environmentOf(containerId: string, netns: string): Record<string, string> {
  return {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: "eth0",
    CNI_ARGS: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0",
  };
}

describe("a kubelet that loses patience", () => {
  for (const killAfterMs of [1, 2, 3, 5, 8, 300]) {
    test(`five DELs, two at a time, while the ADD runs and its shim is killed after ${killAfterMs} ms`, async () => {
      const pod = await makeNetns();
      // The last case holds the agent, so that the shim is surely killed before it is answered.
      const isHeld = killAfterMs === 300;
      if (isHeld) agent.child.kill("SIGSTOP");
      const killed = addAndKill("impatient", pod.path, killAfterMs);
      if (isHeld) assert.equal(await killed, "killed");
      const dels = [1, 2].map(() => node.del("impatient", pod.path));
      if (isHeld) agent.child.kill("SIGCONT");
      await Promise.all([killed, ...dels]);
      await Promise.all([1, 2].map(() => node.del("impatient", pod.path)));
      await node.del("impatient");
      await assertClean();
      await pod.remove();
    });
  }

  test("a slow ADD of an old sandbox cannot harm the new sandbox of the same pod", async () => {
    const [old, fresh] = [await makeNetns(), await makeNetns()];
    agent.child.kill("SIGSTOP");
    const late = addAndKill("old-sandbox", old.path, 10_000);
    const next = addAndKill("new-sandbox", fresh.path, 10_000);
    // The agent does not answer: the shim deletes by itself what is not there yet.
    await node.del("old-sandbox", old.path);
    agent.child.kill("SIGCONT");
    assert.deepEqual(await Promise.all([late, next]), ["done", "done"]);
    await Promise.all([node.del("old-sandbox", old.path), node.del("old-sandbox")]);
    await runOnHost("ip", "link", "show", hostLinkName("new-sandbox", "eth0"));
    await fresh.run("ping", "-c1", "-w5", "10.244.0.1");
    assert.equal(await agent.metric("causeway_attachments"), 1);
    await node.del("new-sandbox", fresh.path);
    await assertClean();
    await Promise.all([old.remove(), fresh.remove()]);
  });
});
