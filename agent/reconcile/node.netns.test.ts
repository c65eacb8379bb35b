import assert from "node:assert/strict";
import { systemClock } from "../lib/clock.ts";
import { after, afterEach, test } from "node:test";
import { createAttachments } from "../ipam/attachments.ts";
import { createHostPortTable } from "../ipam/host-port-table.ts";
import { createIpam } from "../ipam/ipam.ts";
import { openLinuxKernel } from "../kernel/linux-kernel.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { hostLinkName } from "../net/host-link.ts";
import { planPodNetwork, podMac } from "../plan/pods/pod-network.ts";
import { createReadiness, type Readiness } from "../lib/readiness.ts";
import { CLUSTER_SETTINGS, IN_CLEAR } from "../testing/cluster/cluster-setup.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { assertAttached } from "../testing/kernel-contract.ts";
import { closePod, makeNetns, openPod, runOnHost } from "../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import { silentLog } from "../testing/silent-log.ts";
import { createClusterReconciler } from "./cluster.ts";
import { createNodeReconciler, type NodeReconciler } from "./node.ts";
import type { OwnNode } from "./node/own-pod-cidrs.ts";
import { cidr } from "../testing/cidr.ts";

assertInsideTestNamespaces();
const native = loadNative();
const kernel = openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });
const V4 = "10.244.1.0/24";
const V6 = "fd00:10:244:1::/64";

after(() => kernel.close());

afterEach(async () => {
  await runOnHost(
    "sh",
    "-c",
    "ip link del cw0; nft delete table inet causeway; nft delete table bridge causeway; true",
  );
});

/** What one life of the agent holds in memory. */
interface Agent {
  readonly ipam: ReturnType<typeof createIpam>;
  readonly attachments: ReturnType<typeof createAttachments>;
  readonly readiness: Readiness;
  readonly reconciler: Pick<NodeReconciler, "run">;
  node: OwnNode;
  /** Why what it is told is refused. */
  refusal: string | undefined;
}

function startAgent(...podCidrs: readonly string[]): Agent {
  const ipam = createIpam();
  const attachments = createAttachments(ipam, createHostPortTable());
  const readiness = createReadiness(() => undefined);
  readiness.set("socket", undefined);
  readiness.set("installation", undefined);
  const reason = podCidrs.length === 0 ? "the API server does not answer" : undefined;
  const onRepair = (): void => undefined;
  const node = createNodeReconciler({
    kernel,
    ipam,
    attachments,
    policies: { adopt: () => undefined, release: () => Promise.resolve() },
    readiness,
    log: silentLog,
    bridge: "cw0",
    mtu: 0,
    overlay: "never",
    encryption: { type: "none" },
    ownNode: () => agent.node,
    refusal: () => Promise.resolve(agent.refusal),
    peerAddresses: () => [],
    nowMs: () => 0,
    undisturbed: (work) => work(),
    onRepair,
  });
  const cluster = createClusterReconciler({
    kernel,
    readiness,
    log: silentLog,
    nodeName: "node-1",
    ...CLUSTER_SETTINGS,
    overlay: "never",
    nonMasqueradeCIDRs: [],
    encryption: IN_CLEAR,
    publishKey: () => undefined,
    publishedKey: () => undefined,
    clock: systemClock,
    nowSeconds: () => 0,
    onHandshake: () => undefined,
    isComplete: () => true,
    settleClaims: () => Promise.resolve({ claims: new Map(), refusals: [] }),
    local: node.local,
    onRepair,
    onRulesetError: () => undefined,
    onProblem: () => undefined,
    onRefusal: () => undefined,
    onOwnRefusal: () => undefined,
  });
  const agent: Agent = {
    ipam,
    attachments,
    readiness,
    node: { addresses: [], podCidrs: podCidrs.map(cidr), reason },
    refusal: undefined,
    reconciler: {
      async run() {
        await node.run();
        await cluster.run({ verify: true });
      },
    },
  };
  return agent;
}

/** Attaches a pod as an ADD does, and gives a function that deletes its namespace. */
async function attach({ ipam, attachments }: Agent, containerId: string): Promise<() => Promise<void>> {
  const netns = await makeNetns();
  const pod = await openPod(native, netns);
  const reservation = ipam.reserve();
  assert.ok(reservation.outcome === "reserved");
  const { addresses } = reservation;
  const plan = planPodNetwork({ network: "causeway", containerId, ifname: "eth0", mtu: 1400, addresses });
  assertAttached(await kernel.attachPod(plan, pod));
  closePod(native, pod);
  const plain = addresses.map(({ address }) => address);
  attachments.add(plan.host.link, { network: "causeway", containerId, ifname: "eth0", addresses: plain });
  return async () => {
    await netns.remove();
    // The kernel takes a namespace down in the background; the next test is not to find its links.
    await eventually("the host link is gone", async () => {
      const links = await kernel.listAttachments();
      return links.every(({ hostLink }) => hostLink !== plan.host.link);
    });
  };
}

test("run() makes bridge, gateways and masquerade of the PodCIDRs that it is told", async () => {
  const { reconciler, readiness } = startAgent(V4, V6);
  await reconciler.run();
  assert.deepEqual(readiness.reasons(), []);
  assert.match(
    await runOnHost("ip", "-o", "address", "show", "dev", "cw0"),
    /10\.244\.1\.1\/32[^]*fd00:10:244:1::1\/128/,
  );
  assert.match(await runOnHost("nft", "list", "table", "inet", "causeway"), /masquerade fully-random/);
});

test("run() without PodCIDRs makes nothing and says why", async () => {
  const { reconciler, readiness } = startAgent();
  await reconciler.run();
  assert.deepEqual(readiness.reasons()[0], { part: "pod CIDRs", reason: "the API server does not answer" });
  assert.doesNotMatch(await runOnHost("ip", "link"), /cw0/);
});

test("recover() serves the last known PodCIDRs and pods from the kernel while the API server is away", async () => {
  const before = startAgent(V4, V6);
  await before.reconciler.run();
  const removePod = await attach(before, "survivor");

  const restarted = startAgent();
  await restarted.reconciler.run();
  assert.deepEqual(restarted.readiness.reasons(), []);
  const known = before.attachments.list();
  assert.deepEqual(
    restarted.attachments.list(),
    known.map((attachment) => Object.assign({ mac: podMac(attachment.addresses) }, attachment)),
  );
  assert.deepEqual(
    restarted.ipam.use(0).map((pool) => `${pool.cidr} ${pool.taken}`),
    [`${V4} 1`, `${V6} 1`],
  );
  const reservation = restarted.ipam.reserve();
  assert.ok(reservation.outcome === "reserved");
  assert.deepEqual(
    reservation.addresses.map(({ address }) => address),
    ["10.244.1.3", "fd00:10:244:1::3"],
  );
  await removePod();
});

test("run() of a re-created Node serves the new PodCIDR, and keeps the gateway of the old one while it has pods", async () => {
  const agent = startAgent(V4);
  await agent.reconciler.run();
  const removePod = await attach(agent, "old");
  agent.node = { addresses: [], podCidrs: [cidr("10.244.9.0/24")], reason: undefined };
  await agent.reconciler.run();
  assert.match(
    await runOnHost("ip", "-o", "address", "show", "dev", "cw0"),
    /10\.244\.1\.1\/32[^\n]*deprecated/,
  );
  assert.match(
    await runOnHost("nft", "list", "set", "inet", "causeway", "pods4"),
    /10\.244\.1\.0\/24, 10\.244\.9\.0\/24/,
  );

  const restarted = startAgent();
  await restarted.reconciler.run();
  const reservation = restarted.ipam.reserve();
  assert.ok(reservation.outcome === "reserved");
  assert.equal(reservation.addresses[0]?.address, "10.244.9.2");

  await kernel.detachPod(hostLinkName("old", "eth0"));
  await restarted.reconciler.run();
  await restarted.reconciler.run();
  assert.doesNotMatch(await runOnHost("ip", "-o", "address", "show", "dev", "cw0"), /10\.244\.1\.1/);
  await removePod();
});

test("recover() gives no address twice when somebody deleted the bridge while the agent was away", async () => {
  const before = startAgent(V4);
  await before.reconciler.run();
  const removePod = await attach(before, "orphan");
  await runOnHost("ip", "link", "set", hostLinkName("orphan", "eth0"), "nomaster");
  await runOnHost("ip", "link", "del", "cw0");
  const restarted = startAgent(V4);
  await restarted.reconciler.run();
  const reservation = restarted.ipam.reserve();
  assert.ok(reservation.outcome === "reserved");
  assert.equal(reservation.addresses[0]?.address, "10.244.1.3");
  await kernel.detachPod(hostLinkName("orphan", "eth0"));
  await removePod();
});

test("run() frees the address of a pod whose namespace died without a DEL, and forgets its neighbour", async () => {
  const agent = startAgent(V4);
  await agent.reconciler.run();
  const removePod = await attach(agent, "lost");
  await runOnHost("ip", "link", "del", hostLinkName("lost", "eth0"));
  await agent.reconciler.run();
  assert.deepEqual(agent.attachments.list(), []);
  assert.equal(agent.ipam.use(0)[0]?.taken, 0);
  assert.equal(await runOnHost("ip", "neighbour", "show", "dev", "cw0"), "");
  await removePod();
});

for (const { name, damage } of [
  { name: "flushed all tables", damage: ["nft", "flush", "ruleset"] },
  { name: "flushed our chain", damage: ["nft", "flush", "chain", "inet", "causeway", "postrouting"] },
  {
    name: "took an element out of a set",
    damage: ["nft", "delete", "element", "inet", "causeway", "pods4", "{ 10.244.1.0/24 }"],
  },
  { name: "added a rule", damage: ["nft", "add", "rule", "inet", "causeway", "departure", "drop"] },
]) {
  test(`run() restores the masquerade table after somebody ${name}`, async () => {
    const { reconciler } = startAgent(V4);
    await reconciler.run();
    const planned = await runOnHost("nft", "list", "table", "inet", "causeway");
    await runOnHost(...damage);
    await reconciler.run();
    assert.equal(await runOnHost("nft", "list", "table", "inet", "causeway"), planned);
  });
}

test("run() leaves foreign tables, links and routes alone", async () => {
  await runOnHost("nft", "add", "table", "inet", "foreign");
  await runOnHost("ip", "link", "add", "foreign0", "type", "bridge");
  const { reconciler } = startAgent(V4);
  await reconciler.run();
  assert.match(await runOnHost("nft", "list", "tables"), /table inet foreign/);
  assert.match(await runOnHost("ip", "link"), /foreign0/);
  await runOnHost("nft", "delete", "table", "inet", "foreign");
  await runOnHost("ip", "link", "del", "foreign0");
});
