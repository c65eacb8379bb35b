import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { countPods, type PodCounts } from "../../testing/machine/count-pods.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { orderPath, startFaultyAgent } from "../../testing/faults/fault-agent.ts";
import { proveFault } from "../../testing/faults/fault-table.ts";
import {
  cancelOrder,
  type FaultOrder,
  giveOrder,
  passedSteps,
  release,
} from "../../testing/faults/fault-order.ts";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";
import { STEP, STEPWISE } from "../../testing/stepwise.ts";

const CODE_TRY_LATER = 11;

let node: TestNode;
let agent: AgentProcess;
let pod: Netns;
let clean: string;
let others: PodCounts;
let path: string;

/** Not a hook of all tests: those run for each step of a test too. */
async function setUp(t: TestContext): Promise<void> {
  node = makeNode();
  path = orderPath(node);
  pod = await makeNetns();
  const other = await makeNetns();
  t.after(async () => {
    await pod.remove();
    await other.remove();
    await node.remove();
  });
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  agent = await startAgent();
  // With the last host port the agent closes 127.0.0.1 at some time of its own, which is no step of a DEL.
  const stays = { containerId: "stays", netns: other.path, stdin: stdin(9090) };
  const { exitCode, stdout } = await node.call("ADD", stays);
  assert.equal(exitCode, 0, stdout);
  clean = await dumpNodeState();
  others = await countPods(agent);
}

async function startAgent(): Promise<AgentProcess> {
  const started = startFaultyAgent(node);
  await started.waitUntilReady();
  return started;
}

async function assertClean(): Promise<void> {
  assert.deepEqual(await countPods(agent), others);
  await assertNodeState(clean);
}

type Command = FaultOrder["command"];

/**
 * The steps of a request that nothing happens to. What the agent now and then does beside one is none of its
 * steps, and not in two that are the same.
 */
async function listSteps(command: Command): Promise<readonly string[]> {
  let steps: readonly string[] = [];
  for (let again = await probe(command); !isDeepStrictEqual(again, steps); again = await probe(command))
    steps = again;
  console.log(`${command} has ${steps.length} steps: ${steps.join("; ")}`);
  return steps;
}

async function probe(command: Command): Promise<readonly string[]> {
  giveOrder(path, { command, containerId: "probe", step: -1, action: "none" });
  await add("probe");
  await node.del("probe", pod.path);
  // The agent notes the last step when the shim may have ended already.
  await eventually("the reply is sent", () => passedSteps(path).at(-1) === "after the reply");
  const steps = passedSteps(path);
  assert.equal(steps.at(0), "request received");
  return steps;
}

async function call(command: Command, containerId: string): Promise<{ code: number; stdout: string }> {
  const { exitCode, stdout } = await node.call(command, { containerId, netns: pod.path, stdin: stdin() });
  return { code: exitCode === 0 ? 0 : (JSON.parse(stdout) as { code: number }).code, stdout };
}

async function add(containerId: string): Promise<void> {
  const { code, stdout } = await call("ADD", containerId);
  assert.equal(code, 0, stdout);
}

/** A pod with everything that a pod can have. */
function stdin(hostPort = 8080): string {
  const runtimeConfig = {
    portMappings: [
      { hostPort, containerPort: 80, protocol: "tcp" },
      { hostPort, containerPort: 80, protocol: "udp" },
    ],
    bandwidth: { ingressRate: 1e6, ingressBurst: 1e6, egressRate: 1e6, egressBurst: 1e6 },
  };
  const { socket } = node;
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "causeway",
    type: "causeway",
    socket,
    runtimeConfig,
  });
}

for (const command of ["ADD", "DEL"] as const) {
  test(
    `the agent is killed at every step of ${command}: restart and DEL leave the node as it was`,
    STEPWISE,
    async (t) => {
      await setUp(t);
      const steps = await listSteps(command);
      for (const [step, name] of steps.entries()) {
        await t.test(`${command}, step ${step}: ${name}`, STEP, async () => {
          const containerId = `killed-${step}`;
          giveOrder(path, { command, containerId, step, action: "kill" });
          if (command === "DEL") await add(containerId);
          const { code, stdout } = await call(command, containerId);
          assert.equal(code, command === "DEL" || name === "after the reply" ? 0 : CODE_TRY_LATER, stdout);
          await eventually("the agent is killed", () => agent.child.signalCode === "SIGKILL");
          cancelOrder(path);
          // Every other time the shim is alone with what the killed agent left.
          if (step % 2 === 1) await node.del(containerId, pod.path);
          agent = await startAgent();
          await node.del(containerId, pod.path);
          await assertClean();
        });
      }
      proveFault(t, `agent killed during ${command}`);
    },
  );

  test(`the shim is killed at every step of ${command}: nothing is left`, STEPWISE, async (t) => {
    await setUp(t);
    const steps = await listSteps(command);
    for (const step of heldSteps(steps)) {
      await t.test(`${command}, step ${step}: ${steps[step]}`, STEP, async () => {
        const containerId = `alone-${step}`;
        if (command === "DEL") await add(containerId);
        giveOrder(path, { command, containerId, step, action: "hold" });
        await callAndKill(command, containerId, step);
        release(path);
        await eventually("nothing is kept", async () => isDeepStrictEqual(await countPods(agent), others));
        await assertNodeState(clean);
        // What a DEL would leave in the agent's memory the next step finds.
        await node.del(containerId, pod.path);
        await assertNodeState(clean);
      });
    }
    await assertClean();
    proveFault(t, `shim killed during ${command}`);
  });
}

test("the namespace is removed at every step of ADD: DEL leaves nothing", STEPWISE, async (t) => {
  await setUp(t);
  const steps = await listSteps("ADD");
  for (const step of heldSteps(steps)) {
    await t.test(`step ${step}: ${steps[step]}`, STEP, async () => {
      const containerId = `homeless-${step}`;
      giveOrder(path, { command: "ADD", containerId, step, action: "hold" });
      const adding = call("ADD", containerId);
      await eventually("the request is held", () => passedSteps(path).length > step);
      await pod.remove();
      release(path);
      await adding;
      await node.del(containerId, pod.path);
      await assertClean();
      pod = await makeNetns();
    });
  }
  proveFault(t, "netns removed during ADD");
});

/** A request can be held where it works with the kernel. */
function heldSteps(steps: readonly string[]): number[] {
  const ends = new Set(["request received", "before the reply", "after the reply"]);
  return [...steps.keys()].filter((step) => !ends.has(steps[step] ?? ""));
}

/** Starts the shim, and kills it once the agent holds its request. */
async function callAndKill(command: Command, containerId: string, step: number): Promise<void> {
  const { pid } = await privileged({
    command: ["sh", "-c", 'echo started; exec "$0"', join(node.cniBinDir, "causeway")],
    environment: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: pod.path,
      CNI_IFNAME: "eth0",
    },
    stdin: stdin(),
    background: true,
  });
  await eventually("the request is held", () => passedSteps(path).length > step);
  await endPrivileged(pid);
  // Only then its connection is closed, which is what the agent is to find.
  await eventually("the shim has ended", () => !existsSync(`/proc/${pid}`));
}
