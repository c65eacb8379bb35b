/** An interface of ours beside others: e2e/libcni has the same with the reference plugins. */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import { after, afterEach, before, test } from "node:test";
import { cidrOf, formatCidr } from "../../net/cidr.ts";
import { planNodeNetwork } from "../../plan/node/node-network.ts";
import { type PodPlan, planPodNetwork } from "../../plan/pods/pod-network.ts";
import { podRuleset } from "../../testing/kernel-contract.ts";
import { closePod, makeNetns, type Netns, openPod, runOnHost, host } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import type { Kernel } from "../kernel.ts";
import type { PodSockets } from "../types.ts";
import { openLinuxKernel } from "../linux-kernel.ts";
import { loadNative } from "../socket/native.ts";

assertInsideTestNamespaces();
const native = loadNative();
const POD_CIDRS = [cidrOf("10.244.1.0", 24), cidrOf("fd00:10:244:1::", 64)];
const nodePlan = planNodeNetwork({
  bridge: "cw0",
  mtu: 1400,
  podCidrs: POD_CIDRS,
  formerCidrs: [],
  uplinks: ["lo"],
});

let kernel: Kernel;
/** Trips to the kernel since the last look. */
let trips = 0;
const cleanUps: (() => Promise<void>)[] = [];

before(async () => {
  const counting = {
    ...native,
    request(...call: Parameters<typeof native.request>) {
      trips += 1;
      return native.request(...call);
    },
  };
  kernel = openLinuxKernel(counting, { after: systemClock.after, onError: assert.ifError });
  assert.deepEqual((await kernel.ensureNode(nodePlan)).faults, []);
  await kernel.ensureRuleset(podRuleset);
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

after(async () => {
  await runOnHost("ip", "link", "del", "cw0");
  await host("nft flush ruleset; ip route flush proto 98; ip -6 route flush proto 98");
  kernel.close();
});

let nextHost = 10;

interface Attaching {
  readonly ifname?: string;
  readonly defaultRoute?: boolean;
  /** Commands that give the pod another interface first, `other0`. */
  readonly other?: string;
}

interface Pod {
  readonly netns: Netns;
  readonly sockets: PodSockets;
  readonly plan: PodPlan;
}

async function preparePod({ ifname = "eth0", defaultRoute, other }: Attaching): Promise<Pod> {
  const netns = await makeNetns();
  const sockets = await openPod(native, netns);
  if (other !== undefined)
    await netns.run("sh", "-ec", `ip link add other0 type veth peer name other1; ${other}`);
  const number = nextHost++;
  const plan = planPodNetwork({
    network: "causeway",
    containerId: `routed-${number}`,
    ifname,
    mtu: 1400,
    defaultRoute,
    addresses: [
      { family: 4, address: `10.244.1.${number}`, gateway: "10.244.1.1" },
      { family: 6, address: `fd00:10:244:1::${number.toString(16)}`, gateway: "fd00:10:244:1::1" },
    ],
  });
  cleanUps.push(async () => {
    await kernel.detachPod(plan.host.link);
    closePod(native, sockets);
    await netns.remove();
  });
  return { netns, sockets, plan };
}

/** Destinations of the routes that the ADD tells of. */
async function attach({ plan, sockets }: Pod): Promise<readonly string[]> {
  const outcome = await kernel.attachPod(plan, sockets, () => POD_CIDRS);
  if (typeof outcome === "string") assert.fail(outcome);
  assert.deepEqual(await kernel.checkPod(plan, sockets, outcome.routes), []);
  return outcome.routes.map(({ destination }) => formatCidr(destination));
}

const UP = "ip link set other0 up; ip link set other1 up; ip addr add 10.88.0.2/24 dev other0";
const DEFAULTS = ["0.0.0.0/0", "::/0"];
const INSIDE = POD_CIDRS.map(formatCidr);

test("attachPod() looks at nothing else in a pod that has no other interface: one trip, no rule, no other name", async () => {
  const pod = await preparePod({});
  trips = 0;
  const outcome = await kernel.attachPod(pod.plan, pod.sockets, () => assert.fail("PodCIDRs are not needed"));
  assert.equal(trips, 1);
  assert.equal(typeof outcome, "object");
  assert.equal(await pod.netns.run("ip", "rule", "show", "pref", "25463"), "");
  assert.ok(!(await runOnHost("ip", "link", "show", "dev", pod.plan.host.link)).includes(".owntable"));
});

for (const { name, want, ...attaching } of [
  {
    name: "behind a default route that was there before eth0",
    other: `${UP}; ip route add default via 10.88.0.1`,
    want: [INSIDE[0], "::/0"],
  },
  {
    name: "behind a default route of another metric",
    ifname: "net1",
    other: `${UP}; ip route add default via 10.88.0.1 metric 100`,
    want: [INSIDE[0], "::/0"],
  },
  {
    name: "behind one of IPv6 alone",
    ifname: "net1",
    other: `${UP}; ip addr add fd00:88::2/64 dev other0 nodad; ip -6 route add default via fd00:88::1`,
    want: ["0.0.0.0/0", INSIDE[1]],
  },
  {
    name: "before others of both families where it is told to",
    ifname: "net1",
    defaultRoute: true,
    other: `${UP}; ip route add default via 10.88.0.1; ip addr add fd00:88::2/64 dev other0 nodad; ip -6 route add default via fd00:88::1`,
    want: DEFAULTS,
  },
  {
    name: "by the default routes where it is the only one, whatever its name",
    ifname: "net1",
    want: DEFAULTS,
  },
  { name: "without default routes where it is told to", defaultRoute: false, want: INSIDE },
  {
    name: "without a PodCIDR to which the pod has a route already",
    ifname: "net1",
    other: `${UP}; ip route add default via 10.88.0.1; ip route add 10.244.1.0/24 via 10.88.0.7`,
    want: ["::/0"],
  },
]) {
  test(`attachPod() routes an interface ${name}, and tells what it made`, async () => {
    const pod = await preparePod(attaching);
    assert.deepEqual(await attach(pod), want);
    const wantsDefault = want.includes("0.0.0.0/0");
    const [way] = JSON.parse(
      await pod.netns.run("ip", "-json", "route", "get", "192.0.2.99").catch(() => "[]"),
    ) as {
      dev: string;
    }[];
    assert.equal(way?.dev === pod.plan.pod.ifname, wantsDefault);
  });
}

test("attachPod() that can make no default route before another one says so, and leaves nothing", async () => {
  const other = `${UP}; ip addr add fd00:88::2/64 dev other0 nodad; ip -6 route add default via fd00:88::1 metric 1`;
  const pod = await preparePod({ ifname: "net1", defaultRoute: true, other });
  await assert.rejects(
    kernel.attachPod(pod.plan, pod.sockets, () => POD_CIDRS),
    /another one has metric 1/,
  );
  assert.deepEqual(
    (await kernel.listAttachments()).filter(({ hostLink }) => hostLink === pod.plan.host.link),
    [],
  );
  assert.ok(!(await pod.netns.run("ip", "link")).includes("net1"));
});
