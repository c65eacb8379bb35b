import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { fileURLToPath } from "node:url";
import { shippedFile } from "../../lib/shipped.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { countPods, NO_PODS } from "../../testing/machine/count-pods.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { type Fault, proveFault } from "../../testing/faults/fault-table.ts";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";
import { privileged } from "../../testing/runner/privileged.ts";
import { STEP, STEPWISE } from "../../testing/stepwise.ts";

const KILLED = 137;

/** More system calls than any call of the shim makes. */
const MOST_CALLS = 200;

let folder: string;
let killAt: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "kill-at-"));
  killAt = join(folder, "kill-at");
  const source = fileURLToPath(new URL("../../../cni-shim/test/kill-at.c", import.meta.url));
  execFileSync("gcc", ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-o", killAt, source]);
});

after(() => rmSync(folder, { recursive: true }));

interface Setup {
  readonly node: TestNode;
  readonly pod: Netns;
  readonly agent: AgentProcess;
  readonly clean: string;
}

async function setUp(t: TestContext): Promise<Setup> {
  const node = makeNode();
  const pod = await makeNetns();
  t.after(async () => {
    await pod.remove();
    await node.remove();
  });
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  return { node, pod, agent, clean: await dumpNodeState() };
}

/**
 * Calls the shipped shim and kills it before its system call of this number; gives the call's name, or
 * undefined when it ended before.
 */
async function killedShim(
  { node, pod }: Pick<Setup, "node" | "pod">,
  command: "ADD" | "DEL",
  step: number,
): Promise<string | undefined> {
  const environment = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: pod.path,
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
  };
  const config = { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: node.socket };
  const { exitCode, stderr } = await privileged({
    command: [killAt, String(step), shippedFile("bin/causeway").pathname],
    environment,
    stdin: JSON.stringify(config),
  });
  if (exitCode === KILLED) return /killed before (.+)/.exec(stderr)?.[1];
  assert.equal(exitCode, 0, stderr);
  return undefined;
}

/** Runs `once` for every system call of the shim, from the first to its end, and tells what they were. */
async function forEveryCall(
  t: TestContext,
  fault: Fault,
  once: (step: number) => Promise<string | undefined>,
): Promise<void> {
  const calls: string[] = [];
  for (let step = 1; step < MOST_CALLS; step++) {
    let call: string | undefined;
    await t.test(`call ${step}`, STEP, async () => {
      call = await once(step);
    });
    if (call === undefined) break;
    calls.push(call);
  }
  console.log(`${fault}: ${calls.length} calls: ${calls.join(", ")}`);
  assert.ok(calls.length > 5 && calls.length < MOST_CALLS - 1, `${calls.length} calls`);
  proveFault(t, fault);
}

async function assertClean({ agent, clean }: Setup): Promise<void> {
  await eventually(
    "nothing is kept",
    async () => isDeepStrictEqual(await countPods(agent), NO_PODS),
    agent.log,
  );
  await assertNodeState(clean);
}

test(
  "the shim is killed before every system call of an ADD: DEL leaves the node as it was, and the agent serves on",
  STEPWISE,
  async (t) => {
    const setup = await setUp(t);
    await forEveryCall(t, "shim killed before each call of ADD", async (step) => {
      const call = await killedShim(setup, "ADD", step);
      await setup.node.del("c1", setup.pod.path);
      await assertClean(setup);
      return call;
    });
  },
);

test(
  "the shim is killed before every system call of a DEL: another DEL leaves the node as it was",
  STEPWISE,
  async (t) => {
    const setup = await setUp(t);
    await forEveryCall(t, "shim killed before each call of DEL", async (step) => {
      await setup.node.add("c1", setup.pod);
      const call = await killedShim(setup, "DEL", step);
      await setup.node.del("c1", setup.pod.path);
      await assertClean(setup);
      return call;
    });
  },
);

test(
  "the shim is killed before every system call of a DEL without an agent: another DEL leaves no link, and the next agent knows",
  STEPWISE,
  async (t) => {
    const setup = await setUp(t);
    const { node, pod } = setup;
    let { agent } = setup;
    await forEveryCall(t, "shim killed before each call of DEL, agent away", async (step) => {
      await node.add("c1", pod);
      await agent.end("SIGKILL");
      const call = await killedShim(setup, "DEL", step);
      await node.del("c1", pod.path);
      agent = node.start("--standalone", "--nodes-file", node.nodesFile);
      await agent.waitUntilReady();
      await assertClean({ ...setup, agent });
      return call;
    });
  },
);
