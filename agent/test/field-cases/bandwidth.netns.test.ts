/** Limits of pods on the real kernel, through the real agent and shim. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import { ifbName } from "../../plan/pods/ifb.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { callWhileStopped } from "../../testing/agent/call-while-stopped.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";

let node: TestNode;
let agent: AgentProcess;
let pods: Netns[];

const HOST_LINK = hostLinkName("web", "eth0");
const IFB = ifbName(HOST_LINK);

/** What containerd takes for no limit. */
const NO_BURST = 2 ** 32 - 1;

const BOTH = { ingressRate: 1e6, ingressBurst: NO_BURST, egressRate: 2e6, egressBurst: NO_BURST };

beforeEach(async () => {
  node = makeNode();
  pods = [];
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  agent = await startAgent();
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  await eventually("nothing of the pods is left", async () => {
    return !/^c[wi][a-z2-7]{13}/m.test(await runOnHost("ip", "-brief", "link"));
  });
  await node.remove();
});

async function startAgent(): Promise<AgentProcess> {
  const started = node.start("--standalone", "--nodes-file", node.nodesFile);
  await started.waitUntilReady();
  return started;
}

function stdinFor(bandwidth: object, more: object = {}): string {
  return JSON.stringify({
    cniVersion: "1.1.0",
    name: "causeway",
    type: "causeway",
    socket: node.socket,
    runtimeConfig: { bandwidth },
    ...more,
  });
}

async function addPod(containerId: string, bandwidth: object): Promise<{ pod: Netns; result: object }> {
  const pod = await makeNetns();
  pods.push(pod);
  const { exitCode, stdout } = await node.call("ADD", {
    containerId,
    netns: pod.path,
    stdin: stdinFor(bandwidth),
  });
  assert.equal(exitCode, 0, stdout);
  return { pod, result: JSON.parse(stdout) as object };
}

/** Queues and filters of a pod, as tc shows them; undefined when one of its links is missing. */
async function describeLimits(): Promise<string | undefined> {
  const commands = [
    `tc qdisc show dev ${HOST_LINK}`,
    `tc qdisc show dev ${IFB}`,
    `tc filter show dev ${HOST_LINK} ingress`,
    `ip -brief link show dev ${IFB} | grep -o "<.*UP.*>"`,
  ];
  const text = await host(commands.join("\n")).catch(() => undefined);
  return text?.replaceAll(/\s(index|refcnt) \d+/g, "");
}

test("limits are queues on the host's end, whose burst is bounded whatever the runtime asks for", async () => {
  await addPod("web", BOTH);
  const text = (await describeLimits()) ?? assert.fail("a link is missing");
  assert.match(text, /qdisc tbf 1: root rate 1Mbit burst \d+b lat [\d.]+ms/);
  assert.match(text, /qdisc tbf 1: root rate 2Mbit/);
  assert.match(text, new RegExp(`mirred \\(Egress Redirect to device ${IFB}\\) stolen`));
  assert.ok(Number(/rate 1Mbit burst (\d+)b/.exec(text)?.[1]) < 20_000);
  assert.equal(await agent.metric('causeway_bandwidth_limits{direction="ingress"}'), 1);
  assert.equal(await agent.metric('causeway_bandwidth_limits{direction="egress"}'), 1);
});

test("a rate out of range is refused with key and value, and nothing is made", async () => {
  const before = await dumpNodeState();
  const pod = await makeNetns();
  pods.push(pod);
  const { exitCode, stdout } = await node.call("ADD", {
    containerId: "web",
    netns: pod.path,
    stdin: stdinFor({ egressRate: 999, egressBurst: 1 }),
  });
  assert.equal(exitCode, 1);
  assert.match((JSON.parse(stdout) as { msg: string }).msg, /runtimeConfig\.bandwidth\.egressRate 999/);
  assert.equal(await dumpNodeState(), before);
});

test("DEL leaves nothing of a limit, with the agent, without it, and when the namespace died first", async () => {
  const before = await dumpNodeState();
  await addPod("web", BOTH);
  await node.del("web");
  await assertNodeState(before);
  const { pod } = await addPod("web", BOTH);
  await pod.remove();
  await assertNodeState(before);
  await addPod("web", BOTH);
  await agent.end("SIGKILL");
  await node.del("web");
  assert.doesNotMatch(await runOnHost("ip", "-brief", "link"), /^c[wi][a-z2-7]{13}/m);
  agent = await startAgent();
  await assertNodeState(before);
});

test("DELs of many limited pods at once leave nothing", async () => {
  const before = await dumpNodeState();
  const names = Array.from({ length: 8 }, (_, index) => `web${index}`);
  await Promise.all(names.map((name) => addPod(name, BOTH)));
  await Promise.all(names.map((name) => node.del(name)));
  await assertNodeState(before);
});

for (const { name, command } of [
  { name: "the queue of the host's end", command: `tc qdisc del dev ${HOST_LINK} root` },
  {
    name: "the rate of the host's end",
    command: `tc qdisc change dev ${HOST_LINK} root tbf rate 1gbit burst 1mb limit 1mb`,
  },
  { name: "the ingress queue", command: `tc qdisc del dev ${HOST_LINK} ingress` },
  { name: "the filter", command: `tc filter del dev ${HOST_LINK} ingress` },
  { name: "the ifb", command: `ip link del ${IFB}` },
  { name: "the ifb's state", command: `ip link set ${IFB} down` },
  { name: "the ifb's queue", command: `tc qdisc del dev ${IFB} root` },
]) {
  test(`${name} is put back when somebody takes it, and CHECK tells`, async () => {
    const { pod, result } = await addPod("web", BOTH);
    const before = await describeLimits();
    const stdin = stdinFor(BOTH, { prevResult: result });
    const check = () => node.call("CHECK", { containerId: "web", netns: pod.path, stdin });
    assert.equal((await check()).stdout, "");
    const damage = () => host(command);
    const { stdout } = await callWhileStopped({ node, agent, damage, call: check });
    assert.match(stdout, /the limit on traffic (from|to) host link/);
    const repairs = () => agent.metric('causeway_drift_repairs_total{kind="bandwidth"}');
    await eventually("the limit is back", async () => (await describeLimits()) === before, describeLimits);
    assert.equal((await check()).stdout, "");
    await eventually(
      "the repair is counted",
      async () => (await repairs()) === 1,
      async () => [await repairs(), agent.log()],
    );
  });
}
