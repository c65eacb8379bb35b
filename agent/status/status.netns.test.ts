import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { shippedFile } from "../lib/shipped.ts";
import type { AttachmentReport, NodeReport } from "../report/node-report.ts";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../testing/agent/agent-process.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { makeNetns, type Netns, host } from "../testing/machine/netns.ts";
import { compareWithStart } from "../testing/programs/cost-of-command.ts";
import { inParallel } from "../testing/runner/in-parallel.ts";

const ADDS_AT_ONCE = 16;

let node: TestNode;
let pods: Netns[] = [];

beforeEach(async () => {
  node = makeNode();
  await host(`ip link add up0 type veth peer name far0 && ip link set far0 addrgenmode none up &&
    ip link set up0 addrgenmode none && ip address add 172.16.0.1/12 dev up0 && ip link set up0 up &&
    ip route add default via 172.31.255.254`);
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  pods = [];
  await node.remove();
  await host("ip link del up0; ip link del cw-vx || true");
});

async function startAgent(peers: number, ...podCIDRs: readonly string[]): Promise<AgentProcess> {
  const others = Array.from({ length: peers }, (_, index) => ({
    name: `peer-${index}`,
    // One of fifty is on another network.
    addresses: [
      index % 50 === 1 ? `203.0.${index >> 8}.${index & 255}` : `172.17.${index >> 8}.${index & 255}`,
    ],
    podCIDRs: [`10.${64 + (index >> 8)}.${index & 255}.0/24`],
  }));
  const own = { name: NODE_NAME, addresses: ["172.16.0.1"], podCIDRs };
  writeFileSync(node.nodesFile, JSON.stringify([own, ...others]));
  return node.start("--standalone", "--nodes-file", node.nodesFile);
}

async function addPods(count: number, atOnce = ADDS_AT_ONCE): Promise<void> {
  const pod = await makeNetns();
  pods.push(pod);
  await inParallel(Array.from({ length: count }), atOnce, async (_, index) => {
    const args = `K8S_POD_NAMESPACE=team;K8S_POD_NAME=web-${index}`;
    const call = { containerId: `c${index}`, netns: pod.path, ifname: `eth${index}`, args };
    const { exitCode, stdout } = await node.call("ADD", call);
    assert.equal(exitCode, 0, stdout);
  });
}

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without any capability: what could change the node's network would be refused. */
const POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", process.execPath];

async function run(...args: readonly string[]): Promise<Answer> {
  const program = shippedFile("causeway.mjs").pathname;
  const [command = "", ...rest] = [...POWERLESS, program, "status", "--socket", node.socket, ...args];
  const child = spawn(command, rest);
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => (said[stream] += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...said };
}

test("status of a ready node: exit code 0, its pods by name, and no colours in a pipe", async () => {
  await (await startAgent(20, "10.244.1.0/24", "fd00:1::/64")).waitUntilReady();
  // Of two at once either gets the first address.
  await addPods(2, 1);
  const { code, stdout, stderr } = await run();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.match(stdout, /^Node node-1: ready, agent /);
  assert.match(stdout, /^ {2}team\/web-0 +eth0 +10\.244\.1\.2 fd00:1::2 +cw[a-z2-7]{13} +1450 +\d+ s$/m);
  assert.match(stdout, /^ {2}19 direct, 1 VXLAN$/m);
  assert.ok(!stdout.includes("\u001B"));
  assert.match((await run("--summary")).stdout, /^yes\t2\t\d+,\d+\t0\t[^\t]+\t[^\t]+\n$/);
});

test("status of a node that is not ready: exit code 1, and the reasons", async () => {
  await startAgent(0);
  const isTold = async (): Promise<boolean> => (await run()).stdout.includes("! pod CIDRs: ");
  await eventually("the reason is told", isTold);
  const { code, stdout } = await run();
  assert.equal(code, 1);
  assert.match(stdout, /^Node node-1: not ready/);
});

test("status without an agent tells the same of pods and routes from the kernel, and says what it cannot know", async () => {
  const agent = await startAgent(20, "10.244.1.0/24");
  await agent.waitUntilReady();
  await addPods(2);
  const whole = JSON.parse((await run("--json")).stdout) as NodeReport;
  await agent.end("SIGKILL");
  const { code, stdout } = await run();
  assert.equal(code, 1);
  assert.match(stdout, /^This node: the agent does not answer: nothing listens on socket "/);
  const alone = JSON.parse((await run("--json")).stdout) as NodeReport & { readonly silence: string };
  assert.match(alone.silence, /^nothing listens/);
  const isYoung = ({ createdMs = 0 }: AttachmentReport): boolean => createdMs > Date.now() - 60_000;
  const bare = ({ attachments, pools, peers }: NodeReport) => ({
    // Ages are read at two moments, each to a hundredth of a second.
    attachments: attachments
      .map((pod) => ({ ...pod, createdMs: isYoung(pod) }))
      .toSorted((one, other) => one.containerId.localeCompare(other.containerId)),
    pools,
    routes: peers.list.map(({ podCIDR, route, via }) => `${podCIDR} ${route} ${via}`).toSorted(),
  });
  assert.deepEqual(bare(alone), bare(whole));
  assert.equal(alone.readiness, undefined);
  assert.deepEqual(alone.peers.counts, { encrypted: 0, direct: 19, overlay: 1 });
});

test("status waits no longer than two seconds for an agent that hangs", async () => {
  const agent = await startAgent(0, "10.244.1.0/24");
  await agent.waitUntilReady();
  agent.child.kill("SIGSTOP");
  const { code, stdout } = await run();
  agent.child.kill("SIGCONT");
  assert.equal(code, 1);
  assert.match(stdout, /has not answered on ".*" within 2000 ms/);
});

test("status of an unknown flag: exit code 2, and the usage", async () => {
  const { code, stderr } = await run("--frobnicate");
  assert.equal(code, 2);
  assert.match(stderr, /^causeway status: unknown flag "--frobnicate"\nusage: causeway status \[flags\]; /);
});

test("status of 250 pods and 5,000 nodes costs less than the start of the program once more, with and without the agent", async (context) => {
  const agent = await startAgent(5000, "10.244.0.0/23");
  await agent.waitUntilReady();
  await addPods(250);
  const measure = async (name: string): Promise<void> => {
    const { startsOfCpu, described } = await compareWithStart(["status", "--socket", node.socket], 5);
    context.diagnostic(`status ${name}: ${described}`);
    assert.ok(startsOfCpu < 2, described);
  };
  await measure("from the agent");
  await agent.end("SIGKILL");
  await measure("from the kernel");
});
