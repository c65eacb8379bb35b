/**
 * Thousands of links of others that come and go all the time made each look at the node a reading of all of
 * them, repeated because the kernel called it interrupted. What is read is counted, in bytes: that does not
 * depend on how busy the machine is.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { systemClock } from "../lib/clock.ts";
import { planNodeNetwork } from "../plan/node/node-network.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { podPlan, podRuleset } from "../testing/kernel-contract.ts";
import { closePod, makeNetns, type Netns, openPod, runOnHost, host } from "../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import type { Kernel } from "./kernel.ts";
import type { PodSockets } from "./types.ts";
import { openLinuxKernel } from "./linux-kernel.ts";
import { loadNative, type Native } from "./socket/native.ts";

assertInsideTestNamespaces();
const FOREIGN = 300;
/** A link takes more than a kilobyte in a dump; the agent's own tables, which are read, 30 in all. */
const MAX_BYTES = FOREIGN * 300;

const native = loadNative();
let bytes = 0;
const counting: Native = {
  ...native,
  async request(steps) {
    const answers = await native.request(steps);
    for (const answer of answers) bytes += answer?.length ?? 0;
    return answers;
  },
};

let kernel: Kernel;
let netns: Netns;
let sockets: PodSockets;
let churn: ChildProcess;
const nodePlan = planNodeNetwork({
  bridge: "cw0",
  mtu: 1400,
  podCidrs: [{ family: 4, base: "10.244.1.0", prefixLength: 24 }],
  formerCidrs: [],
  uplinks: ["up0"],
});

/**
 * Counts up with each link that is made: by one that stays until its index is read, since the others are gone
 * again at once.
 */
async function nextIndex(): Promise<number> {
  await runOnHost("ip", "link", "add", "index0", "type", "bridge");
  const [link] = JSON.parse(await runOnHost("ip", "-j", "link", "show", "index0")) as { ifindex: number }[];
  await runOnHost("ip", "link", "del", "index0");
  return link?.ifindex ?? assert.fail("no link");
}

before(async () => {
  // Loads the driver, without which the first look alone reads all: see unloaded-kinds.netns.test.ts.
  await host("ip link add driver0 type ifb; ip link del driver0");
  await host(`seq ${FOREIGN} | sed 's/.*/link add other& type bridge/' | ip -batch -`);
  await host(
    "ip link add up0 type veth peer name far0; ip address add 192.0.2.10/24 dev up0; ip link set up0 up",
  );
  const line = "link add churn0 type bridge\\nlink del churn0\\n";
  churn = spawn("sh", ["-c", `while :; do printf '${line.repeat(50)}'; done | exec ip -batch -`], {
    stdio: "ignore",
    detached: true,
  });
  const first = await nextIndex();
  await eventually("links come and go", async () => (await nextIndex()) > first + 1);
  kernel = openLinuxKernel(counting, { after: systemClock.after, onError: assert.ifError });
  [netns] = [await makeNetns()];
  sockets = await openPod(native, netns);
});

after(async () => {
  if (churn.pid !== undefined) process.kill(-churn.pid);
  closePod(native, sockets);
  await netns.remove();
  kernel.close();
  await runOnHost(
    "sh",
    "-c",
    "ip link del cw0; ip link del up0; nft flush ruleset; ip route flush proto 98; true",
  );
  const gone = `(echo link del churn0; seq ${FOREIGN} | sed 's/.*/link del other&/') | ip -force -batch - 2>/dev/null; true`;
  await runOnHost("sh", "-c", gone);
});

/** What an agent does at its start, and at a repair, in that order. */
const STEPS: readonly { readonly name: string; readonly work: () => Promise<unknown> }[] = [
  { name: "clears what an earlier agent has left", work: () => kernel.clearLeftovers("cw0") },
  { name: "lists attachments", work: () => kernel.listAttachments() },
  {
    name: "looks at the underlay",
    work: () => kernel.trackUnderlay(["192.0.2.10"], ["192.0.2.11"], "all"),
  },
  { name: "makes the node's network", work: () => kernel.ensureNode(nodePlan) },
  { name: "lists the routes to other nodes", work: () => kernel.listPeers() },
  { name: "makes the tables", work: () => kernel.ensureRuleset(podRuleset) },
  { name: "attaches a pod", work: () => kernel.attachPod(podPlan("c1"), sockets) },
  { name: "repairs attachments", work: () => kernel.repairAttachments() },
  {
    name: "looks at the underlay once more",
    work: () => kernel.trackUnderlay(["192.0.2.10"], ["192.0.2.11"], "all"),
  },
  { name: "sees to the node's network", work: () => kernel.ensureNode(nodePlan) },
];

for (const { name, work } of STEPS) {
  test(`among ${FOREIGN} links of others that come and go, the agent ${name} without reading them`, async (t) => {
    bytes = 0;
    await work();
    t.diagnostic(`${bytes} bytes`);
    assert.ok(bytes < MAX_BYTES, `${bytes} bytes were read`);
  });
}
