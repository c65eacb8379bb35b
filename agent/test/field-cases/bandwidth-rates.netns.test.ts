/** What limits of pods let through. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";

const PROGRAM = new URL("../../testing/machine/measure-rate.ts", import.meta.url).pathname;

interface Pod {
  readonly netns: Netns;
  readonly address: string;
}

interface Duration {
  /** Where a hundred packets pass in a second, TCP takes some to find its window. */
  readonly settleMs: number;
  readonly ms: number;
}

interface Case extends Duration {
  readonly name: string;
  readonly rate: number;
}

interface Direction {
  readonly direction: "receives" | "sends";
  readonly from: Pod;
  readonly to: Pod;
}

let node: TestNode;
const pods: Pod[] = [];
let lastPod = 0;

before(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24");
  await node.start("--standalone", "--nodes-file", node.nodesFile).waitUntilReady();
});

after(async () => {
  for (const { netns } of pods) await netns.remove();
  await node.remove();
});

/** With a limit of so many bit/s both ways, and the burst that containerd takes for none. */
async function addPod(rate?: number): Promise<Pod> {
  const netns = await makeNetns();
  const burst = 2 ** 32 - 1;
  const bandwidth = { ingressRate: rate, ingressBurst: burst, egressRate: rate, egressBurst: burst };
  const { exitCode, stdout } = await node.call("ADD", {
    containerId: `pod-${++lastPod}`,
    netns: netns.path,
    runtimeConfig: rate === undefined ? {} : { bandwidth },
  });
  assert.equal(exitCode, 0, stdout);
  const [ip] = (JSON.parse(stdout) as { ips: readonly { address: string }[] }).ips;
  const pod = { netns, address: ip?.address.split("/")[0] ?? "" };
  pods.push(pod);
  return pod;
}

/** Each direction has pods of its own: data of one and acknowledgements of the other share no queue. */
async function addDirections(rate: number): Promise<readonly Direction[]> {
  return [
    { direction: "receives", from: await addPod(), to: await addPod(rate) },
    { direction: "sends", from: await addPod(rate), to: await addPod() },
  ];
}

/** What arrives, in bit/s. */
async function measure(from: Pod, to: Pod, { settleMs, ms }: Duration): Promise<number> {
  const { netns, address } = to;
  const received = netns.run(process.execPath, PROGRAM, "receive", "5000", String(settleMs), String(ms));
  await eventually("the receiver listens", async () => (await netns.run("ss", "-Hltn")).includes(":5000"));
  const sender = `echo started; exec ${process.execPath} ${PROGRAM} send ${address} 5000`;
  const command = ["sh", "-c", sender];
  const { pid } = await privileged({ command, netns: from.netns.path, background: true });
  const rate = Number((await received).split("\n")[1]);
  await endPrivileged(pid);
  return rate;
}

async function assertRate(
  context: TestContext,
  { direction, measured }: { readonly direction: string; readonly measured: number },
  { name, rate, ...duration }: Case,
): Promise<void> {
  context.diagnostic(`${direction} ${((measured / rate) * 100).toFixed(1)} % of ${name}`);
  const said = `${direction} ${measured} bit/s instead of ${rate}`;
  assert.ok(measured < 1.1 * rate, said);
  if (measured > 0.9 * rate) return;
  // An emulated machine may be too slow to come near a limit, which costs as much as the way without.
  const unlimited = await measure(await addPod(), await addPod(), duration);
  context.diagnostic(`${unlimited} bit/s without a limit`);
  assert.ok(unlimited < 2 * rate, said);
}

/** Both directions at once, where that is little work: they share nothing. */
function testAtOnce(limit: Case): void {
  test(`what a pod receives and what it sends keeps within 10 % of ${limit.name}, both at once`, async (context) => {
    const directions = await addDirections(limit.rate);
    const measuring = directions.map(({ from, to }) => measure(from, to, limit));
    for (const [index, measured] of (await Promise.all(measuring)).entries())
      await assertRate(context, { direction: directions[index]?.direction ?? "", measured }, limit);
  });
}

// A hundredth of what the others take is no load for them.
describe("limits", { concurrency: true }, () => {
  testAtOnce({ name: "1 Mbit/s", rate: 1e6, settleMs: 2000, ms: 4000 });

  describe("fast ones, one after the other", () => {
    testAtOnce({ name: "100 Mbit/s", rate: 1e8, settleMs: 500, ms: 2000 });

    const fast: Case = { name: "1 Gbit/s", rate: 1e9, settleMs: 500, ms: 2000 };
    test(`what a pod receives and what it sends keeps within 10 % of ${fast.name}`, async (context) => {
      for (const { direction, from, to } of await addDirections(fast.rate))
        await assertRate(context, { direction, measured: await measure(from, to, fast) }, fast);
    });
  });
});
