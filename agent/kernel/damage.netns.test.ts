import assert from "node:assert/strict";
import { systemClock } from "../lib/clock.ts";
import { after, before, test } from "node:test";
import { familyOf } from "../net/address.ts";
import { linkLocalOf } from "../net/mac.ts";
import { planNodeNetwork } from "../plan/node/node-network.ts";
import type { PodPlan } from "../plan/pods/pod-network.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { podPlan, podRuleset } from "../testing/kernel-contract.ts";
import { closePod, makeNetns, type Netns, openPod, runOnHost, host } from "../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import type { Kernel } from "./kernel.ts";
import type { PodSockets } from "./types.ts";
import { openLinuxKernel } from "./linux-kernel.ts";
import { loadNative } from "./socket/native.ts";

assertInsideTestNamespaces();
const native = loadNative();
const nodePlan = planNodeNetwork({
  bridge: "cw0",
  mtu: 1400,
  podCidrs: [
    { family: 4, base: "10.244.1.0", prefixLength: 24 },
    { family: 6, base: "fd00:10:244:1::", prefixLength: 64 },
  ],
  formerCidrs: [],
  uplinks: [],
});

let kernel: Kernel;
let netns: Netns;
let sockets: PodSockets;
let plan: PodPlan;
let other: Netns;
let otherSockets: PodSockets;

before(async () => {
  kernel = openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });
  assert.deepEqual((await kernel.ensureNode(nodePlan)).faults, []);
  await kernel.ensureRuleset(podRuleset);
  [netns, other] = [await makeNetns(), await makeNetns()];
  [sockets, otherSockets] = [await openPod(native, netns), await openPod(native, other)];
  plan = podPlan("damaged");
  await kernel.attachPod(plan, sockets);
  await kernel.attachPod(podPlan("other"), otherSockets);
});

after(async () => {
  closePod(native, sockets);
  closePod(native, otherSockets);
  await netns.remove();
  await other.remove();
  await runOnHost("ip", "link", "del", "cw0");
  await host("nft flush ruleset; ip route flush proto 98; ip -6 route flush proto 98");
  kernel.close();
});

/** Damage on the host's side, which the agent repairs. HOST, MAC, V4 and V6 stand for the pod's. */
for (const { name, damage, want } of [
  {
    name: "taken out of the bridge",
    damage: "ip link set HOST nomaster",
    want: ['host link "HOST" is not a port of the bridge'],
  },
  { name: "set down", damage: "ip link set HOST down", want: ['host link "HOST" is down'] },
  {
    name: "isolated",
    damage: "bridge link set dev HOST isolated on hairpin off",
    want: ['host link "HOST" has port flag isolated on', 'host link "HOST" has port flag hairpin off'],
  },
  {
    name: "learning and flooding",
    damage: "bridge link set dev HOST learning on flood on",
    want: ['host link "HOST" has port flag learning on', 'host link "HOST" has port flag unicastFlood on'],
  },
  {
    name: "without its forwarding entry",
    damage: "bridge fdb del MAC dev HOST master",
    want: ['forwarding entry MAC of host link "HOST" is missing'],
  },
  {
    name: "without its IPv4 neighbour",
    damage: "ip neighbour del V4 dev cw0",
    want: ["permanent neighbour V4 of bridge is missing"],
  },
  {
    name: "with an IPv6 neighbour elsewhere",
    damage: "ip neighbour replace V6 lladdr 0a:00:00:00:00:09 nud permanent dev cw0",
    want: ["neighbour V6 of bridge is at 0a:00:00:00:00:09 instead of MAC"],
  },
]) {
  test(`checkPod() tells of a pod ${name}, and repairAttachments() puts it back`, async () => {
    const fill = (text: string): string =>
      text
        .replaceAll("HOST", plan.host.link)
        .replaceAll("MAC", plan.pod.mac)
        .replaceAll("V4", plan.pod.addresses[0]?.address ?? "")
        .replaceAll("V6", plan.pod.addresses[1]?.address ?? "");
    assert.deepEqual(await kernel.checkAttachments(), []);
    await runOnHost("sh", "-c", fill(damage));
    const faults = await kernel.checkPod(plan, sockets);
    for (const fault of want.map(fill)) assert.ok(faults.includes(fault), `${fault} in ${faults.join("; ")}`);
    assert.notDeepEqual(await kernel.checkAttachments(), []);
    await kernel.repairAttachments();
    assert.deepEqual(await kernel.checkAttachments(), []);
    assert.deepEqual(await kernel.checkPod(plan, sockets), []);
    for (const { address } of plan.pod.addresses) await other.run("ping", "-c1", "-w5", address);
  });
}

/** Damage inside a pod, which only CHECK sees: the agent keeps no way into it. POD stands for its MAC. */
for (const { name, damage, want } of [
  {
    name: "without its IPv4 address",
    damage: "ip address del V4/32 dev eth0",
    want: ['address V4/32 of pod interface "eth0" is missing'],
  },
  {
    name: "without its default route",
    damage: "ip route del default",
    want: ["IPv4 default route is missing"],
  },
  {
    name: "without the route to its gateway",
    damage: "ip -6 route del fd00:10:244:1::1",
    want: ["route to gateway fd00:10:244:1::1 is missing"],
  },
  {
    name: "without its gateway's neighbour",
    damage: "ip neighbour del 10.244.1.1 dev eth0",
    want: ['permanent neighbour 10.244.1.1 of pod interface "eth0" is missing'],
  },
  {
    name: "with a larger MTU",
    damage: "ip link set eth0 mtu 1500",
    want: ['pod interface "eth0" has MTU 1500 instead of 1400'],
  },
  {
    name: "with another MAC",
    damage: "ip link set eth0 address 02:00:00:00:00:09",
    want: ['pod interface "eth0" has MAC 02:00:00:00:00:09 instead of POD'],
  },
  {
    name: "whose interface is down",
    damage: "ip link set eth0 down",
    want: ['pod interface "eth0" is down'],
  },
  {
    name: "whose interface is gone",
    // Before Linux 6.2 a link that is up keeps its name.
    damage: "ip link set eth0 down; ip link set eth0 name eth9",
    want: ['pod interface "eth0" is missing'],
  },
]) {
  test(`checkPod() tells of a pod ${name}`, async () => {
    const pod = await makeNetns();
    const inside = await openPod(native, pod);
    const whole = podPlan("inside");
    await kernel.attachPod(whole, inside);
    const fill = (text: string): string =>
      text.replaceAll("POD", whole.pod.mac).replaceAll("V4", whole.pod.addresses[0]?.address ?? "");
    await pod.run("sh", "-c", fill(damage));
    const faults = await kernel.checkPod(whole, inside);
    for (const fault of want.map(fill)) assert.ok(faults.includes(fault), `${fault} in ${faults.join("; ")}`);
    await kernel.detachPod(whole.host.link);
    closePod(native, inside);
    await pod.remove();
  });
}

test("checkPod() does not mind routes of later plugins", async () => {
  await other.run("ip", "route", "add", "198.51.100.0/24", "via", "10.244.1.1");
  const attachments = await kernel.listAttachments();
  const attachment = attachments.find(({ containerId }) => containerId === "other");
  const whole = podPlan("other");
  const addresses = attachment?.addresses.map((address) => {
    const family = address.includes(":") ? 6 : 4;
    return {
      family,
      address,
      prefixLength: family === 4 ? 32 : 128,
      gateway: family === 4 ? "10.244.1.1" : "fd00:10:244:1::1",
    };
  });
  const [link] = JSON.parse(await other.run("ip", "-j", "link", "show", "eth0")) as { address: string }[];
  const pod = {
    ...whole.pod,
    mac: link?.address ?? "",
    addresses: (addresses ?? []) as PodPlan["pod"]["addresses"],
  };
  assert.deepEqual(await kernel.checkPod({ ...whole, pod }, otherSockets), []);
});

test("checkRuleset(), which CHECK tells, names each address that a pod may no longer send from", async () => {
  const { link } = plan.host;
  const own = [...plan.pod.addresses.map(({ address }) => address), linkLocalOf(plan.pod.mac)];
  for (const address of own) {
    const set = `sources${familyOf(address)}`;
    assert.deepEqual(await kernel.checkRuleset(), []);
    await runOnHost("nft", `delete element bridge causeway ${set} { ${link} . ${address} }`);
    assert.deepEqual(await kernel.checkRuleset(), [
      `nftables: table bridge causeway: set ${set} lacks ${link} . ${address}`,
    ]);
    await kernel.ensureRuleset(podRuleset);
  }
});

test("checkRuleset() tells of a table that somebody deleted, and starts no nft while nothing has changed", async () => {
  const chain = { name: "output", type: "filter", hook: "output", priority: 0, rules: [] } as const;
  const ruleset = [{ family: "inet", counters: [], sets: [], chains: [chain] }] as const;
  await kernel.ensureRuleset(ruleset);
  const { PATH } = process.env;
  process.env["PATH"] = "/nonexistent";
  try {
    assert.deepEqual(await kernel.checkRuleset(), []);
    assert.deepEqual(await kernel.ensureRuleset(ruleset), []);
  } finally {
    process.env["PATH"] = PATH;
  }
  await runOnHost("nft", "delete", "table", "inet", "causeway");
  assert.deepEqual(await kernel.checkRuleset(), ["nftables: table inet causeway is missing"]);
});

test("watch() tells of a change to a link of ours, once until it is armed again", async () => {
  let count = 0;
  const watch = kernel.watch(() => count++);
  const change = (mtu: number): Promise<string> => runOnHost("ip", "link", "set", "cw0", "mtu", String(mtu));
  await change(1390);
  await eventually("the first change is told", () => count === 1);
  await change(1389);
  watch.rearm();
  await change(1388);
  await eventually("the change after rearm() is told", () => count === 2);
  watch.stop();
});

test("watch() does not tell of the bridge's alias that the agent itself writes, as with each pod, but of everything that others do to it", async () => {
  const told: string[] = [];
  const watch = kernel.watch((concern) => told.push(concern));
  const isTold = (...want: readonly string[]): Promise<void> =>
    eventually(`${want.join()} is told, not ${told.join()}`, () => told.join() === want.join());
  for (const address of ["10.244.1.8", "10.244.1.9"]) {
    await kernel.saveLastGiven([address]);
    // What comes after it is told after it.
    await runOnHost("ip", "rule", "add", "pref", "99", "lookup", "99");
    await isTold("node");
    await runOnHost("ip", "rule", "del", "pref", "99");
    await runOnHost("ip", "link", "set", "cw0", "alias", "causeway bridge 10.244.1.77");
    await isTold("node", "pods");
    told.length = 0;
    watch.rearm();
  }
  watch.stop();
});

test("ensureNode() takes the forward delay off a bridge: after it the kernel tells of each new port once more, for nothing", async () => {
  const delay = async (): Promise<number | undefined> => {
    type Shown = readonly {
      readonly linkinfo: { readonly info_data: { readonly forward_delay?: number } };
    }[];
    const [link] = JSON.parse(await runOnHost("ip", "-d", "-j", "link", "show", "cw0")) as Shown;
    return link?.linkinfo.info_data.forward_delay;
  };
  assert.equal(await delay(), 0);
  await runOnHost("ip", "link", "set", "cw0", "type", "bridge", "forward_delay", "1500");
  assert.equal(await delay(), 1500);
  await kernel.ensureNode(nodePlan);
  assert.equal(await delay(), 0);
});
