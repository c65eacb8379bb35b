import assert from "node:assert/strict";
import { systemClock } from "../lib/clock.ts";
import { after, before, test } from "node:test";
import { linkLocalOf } from "../net/mac.ts";
import { planNodeNetwork } from "../plan/node/node-network.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { assertAttached, podPlan, podRuleset, testKernelContract } from "../testing/kernel-contract.ts";
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
  uplinks: ["lo"],
});

let kernel: Kernel;
const pods = new Map<PodSockets, Netns>();

before(async () => {
  kernel = openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });
  assert.deepEqual((await kernel.ensureNode(nodePlan)).faults, []);
  await kernel.ensureRuleset(podRuleset);
});

after(async () => {
  for (const [pod, netns] of pods) {
    closePod(native, pod);
    await netns.remove();
  }
  await runOnHost("ip", "link", "del", "cw0");
  await host("nft flush ruleset; ip route flush proto 98; ip -6 route flush proto 98");
  kernel.close();
});

async function makePod(): Promise<PodSockets> {
  const netns = await makeNetns();
  const pod = await openPod(native, netns);
  pods.set(pod, netns);
  return pod;
}

function netnsOf(pod: PodSockets): Netns {
  return pods.get(pod) ?? assert.fail("no such pod");
}

testKernelContract("createLinuxKernel()", async () => ({
  kernel,
  makePod,
  async removePod(pod) {
    closePod(native, pod);
    await netnsOf(pod).remove();
    pods.delete(pod);
    // The kernel takes a namespace down in the background once nobody holds it.
    await eventually("the namespace is gone", async () => {
      const attachments = await kernel.listAttachments();
      return attachments.every(({ containerId }) => containerId !== "contract-6");
    });
  },
}));

interface IpLink {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly operstate: string;
  readonly linkinfo?: { readonly info_slave_data?: Readonly<Record<string, unknown>> };
}

test("attachPod() makes exactly the planned pod: link, addresses, routes and neighbours, as ip shows them", async () => {
  const pod = await makePod();
  const plan = podPlan("golden-1");
  await kernel.attachPod(plan, pod);
  const [v4, v6] = plan.pod.addresses;
  const netns = netnsOf(pod);
  const [link] = JSON.parse(await netns.run("ip", "-j", "link", "show", "eth0")) as IpLink[];
  assert.deepEqual(
    { address: link?.address, mtu: link?.mtu, operstate: link?.operstate },
    { address: plan.pod.mac, mtu: 1400, operstate: "UP" },
  );
  const addresses = await netns.run("ip", "-o", "address", "show", "eth0", "scope", "global");
  assert.match(addresses, new RegExp(`inet ${v4?.address}/32 scope global eth0`));
  assert.match(addresses, new RegExp(`inet6 ${v6?.address}/128 scope global nodad`));
  assert.equal(
    (await netns.run("ip", "-N", "-4", "route")).replaceAll(/ +\n/g, "\n"),
    "default via 10.244.1.1 dev eth0 proto 99\n10.244.1.1 dev eth0 proto 99 scope 253\n",
  );
  const routes6 = await netns.run("ip", "-N", "-6", "route");
  assert.match(routes6, /^default via fd00:10:244:1::1 dev eth0 proto 99 /m);
  assert.match(routes6, /^fd00:10:244:1::1 dev eth0 proto 99 /m);
  // Before the kernel's worker makes its own.
  const receiving = await netns.run("ip", "-N", "-6", "route", "show", "table", "255", "proto", "99");
  assert.match(receiving, new RegExp(`^2 ${v6?.address} dev eth0 metric 1024`));
  const neighbours = await netns.run("ip", "neighbour", "show", "nud", "permanent", "dev", "eth0");
  assert.match(neighbours, /^10\.244\.1\.1 lladdr 0a:58:00:00:00:01 PERMANENT/m);
  assert.match(neighbours, /^fd00:10:244:1::1 lladdr 0a:58:00:00:00:01 (router )?PERMANENT/m);
});

test("attachPod() makes a port that neither learns nor floods, with the bridge's entries for the pod", async () => {
  const pod = await makePod();
  const plan = podPlan("golden-2");
  await kernel.attachPod(plan, pod);
  const [link] = JSON.parse(await runOnHost("ip", "-j", "-d", "link", "show", plan.host.link)) as IpLink[];
  const port = link?.linkinfo?.info_slave_data ?? {};
  assert.deepEqual(
    {
      isolated: port["isolated"],
      hairpin: port["hairpin"],
      learning: port["learning"],
      flood: port["flood"],
      mcast_flood: port["mcast_flood"],
      bcast_flood: port["bcast_flood"],
      mac: link?.address,
    },
    {
      isolated: false,
      hairpin: true,
      learning: false,
      flood: false,
      mcast_flood: false,
      bcast_flood: false,
      mac: plan.host.mac,
    },
  );
  assert.match(
    await runOnHost("bridge", "fdb", "show", "dev", plan.host.link),
    new RegExp(`^${plan.pod.mac} master cw0 static`, "m"),
  );
  const neighbours = await runOnHost("ip", "neighbour", "show", "nud", "permanent", "dev", "cw0");
  for (const { address } of plan.pod.addresses) {
    assert.match(neighbours, new RegExp(`^${address} lladdr ${plan.pod.mac} PERMANENT`, "m"));
  }
  assert.doesNotMatch(await runOnHost("ip", "-6", "address", "show", "dev", plan.host.link), /fe80/);
});

test("two pods of one node and the gateway reach each other at once, over IPv4 and IPv6", async () => {
  const [first, second] = [await makePod(), await makePod()];
  const plans = [podPlan("ping-1"), podPlan("ping-2")];
  await kernel.attachPod(plans[0] ?? assert.fail(), first);
  await kernel.attachPod(plans[1] ?? assert.fail(), second);
  for (const target of [...(plans[1]?.pod.addresses ?? [])].flatMap(({ address, gateway }) => [
    address,
    gateway,
  ])) {
    await netnsOf(first).run("ping", "-c1", "-w5", target);
  }
});

test("detachPod() leaves no link, no neighbour and no forwarding entry", async () => {
  const pod = await makePod();
  const plan = podPlan("gone-1");
  await kernel.attachPod(plan, pod);
  assert.equal(await kernel.detachPod(plan.host.link), "detached");
  const left = [
    await runOnHost("ip", "link"),
    await runOnHost("ip", "neighbour", "show", "nud", "all"),
    await runOnHost("bridge", "fdb"),
  ].join("\n");
  for (const trace of [
    plan.host.link,
    plan.pod.mac,
    ...plan.pod.addresses.map(({ address }) => `${address} `),
  ]) {
    assert.ok(!left.includes(trace), `${trace} in ${left}`);
  }
  assert.doesNotMatch(await netnsOf(pod).run("ip", "link"), /eth0/);
});

test("detachPod() forgets the neighbours of a pod whose namespace died first", async () => {
  const pod = await makePod();
  const plan = podPlan("gone-2");
  await kernel.attachPod(plan, pod);
  await runOnHost("ip", "link", "del", plan.host.link);
  const addresses = plan.pod.addresses.map(({ address }) => address);
  assert.equal(await kernel.detachPod(plan.host.link, { addresses }), "gone");
  assert.ok(!(await runOnHost("ip", "neighbour", "show", "nud", "all")).includes(plan.pod.mac));
});

test("detachPod() leaves a foreign link alone that has one of our names", async () => {
  const { link } = podPlan("foreign").host;
  await runOnHost("ip", "link", "add", link, "type", "veth", "peer", "name", "foreign0");
  assert.equal(await kernel.detachPod(link), "gone");
  await runOnHost("ip", "link", "del", link);
});

test("attachPod() of a pod whose address is refused leaves nothing behind and tells the kernel's reason", async () => {
  const pod = await makePod();
  await netnsOf(pod).run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
  const plan = podPlan("half-1");
  await assert.rejects(
    kernel.attachPod(plan, pod),
    /^Error: Cannot add address fd00:10:244:1::[0-9a-f]+\/128: EACCES .*: IPv6 is disabled in the pod's network namespace/,
  );
  assert.equal(await kernel.detachPod(plan.host.link), "gone");
  assert.ok(!(await netnsOf(pod).run("ip", "link")).includes("eth0"));
});

test("attachPod() goes on when somebody has taken the interface index that it would choose", async () => {
  const pod = await makePod();
  const plan = podPlan("index-1");
  await kernel.attachPod(plan, pod);
  const index = Number(/^(\d+):/.exec(await runOnHost("ip", "-o", "link", "show", plan.host.link))?.[1]);
  await runOnHost(
    "ip",
    "link",
    "add",
    "taken0",
    "index",
    String(index + 1),
    "type",
    "veth",
    "peer",
    "name",
    "taken1",
  );
  assertAttached(await kernel.attachPod(podPlan("index-2"), await makePod()));
  await runOnHost("ip", "link", "del", "taken0");
});

test("clearLeftovers() deletes what an agent left that was killed between two messages, and nothing else", async () => {
  const plan = podPlan("killed");
  await runOnHost(
    "ip",
    "link",
    "add",
    plan.host.link,
    "group",
    String(0x6377),
    "type",
    "veth",
    "peer",
    "name",
    "half0",
  );
  await runOnHost(
    "ip",
    "neighbour",
    "add",
    "10.244.1.250",
    "lladdr",
    "0a:58:0a:f4:01:fa",
    "nud",
    "permanent",
    "dev",
    "cw0",
  );
  const kept = podPlan("kept");
  await kernel.attachPod(kept, await makePod());
  await kernel.clearLeftovers("cw0");
  assert.ok(!(await runOnHost("ip", "link")).includes(plan.host.link));
  const neighbours = await runOnHost("ip", "neighbour", "show", "nud", "permanent");
  assert.ok(!neighbours.includes("10.244.1.250"));
  assert.ok(neighbours.includes(kept.pod.mac));
});

test("ensureNode() makes the bridge with fixed MAC, gateways without DAD, forwarding, and no address of its own making", async () => {
  const link = await runOnHost("ip", "-d", "link", "show", "cw0");
  assert.match(link, /link\/ether 0a:58:00:00:00:01 /);
  assert.match(link, /mtu 1400 /);
  assert.match(link, /alias causeway bridge/);
  const addresses = await runOnHost("ip", "-o", "address", "show", "dev", "cw0");
  assert.match(addresses, /inet 10\.244\.1\.1\/32 scope global cw0/);
  assert.match(addresses, /inet6 fd00:10:244:1::1\/128 scope global nodad/);
  assert.doesNotMatch(addresses, /fe80|tentative/);
  assert.equal(await runOnHost("sysctl", "-n", "net.ipv4.conf.cw0.forwarding"), "1\n");
  assert.equal(await runOnHost("sysctl", "-n", "net.ipv4.conf.lo.forwarding"), "1\n");
  assert.equal(await runOnHost("sysctl", "-n", "net.ipv6.conf.all.forwarding"), "1\n");
});

for (const { name, damage } of [
  { name: "MAC", damage: ["ip", "link", "set", "cw0", "address", "0a:00:00:00:00:09"] },
  { name: "MTU", damage: ["ip", "link", "set", "cw0", "mtu", "1300"] },
  { name: "alias", damage: ["ip", "link", "set", "cw0", "alias", ""] },
  { name: "forwarding", damage: ["sysctl", "-qw", "net.ipv4.conf.cw0.forwarding=0"] },
  { name: "gateway address", damage: ["ip", "address", "del", "10.244.1.1/32", "dev", "cw0"] },
  { name: "addresses by another agent", damage: ["ip", "address", "add", "10.99.0.1/24", "dev", "cw0"] },
  { name: "up state", damage: ["ip", "link", "set", "cw0", "down"] },
]) {
  test(`ensureNode() repairs the bridge's ${name}`, async () => {
    const describe = async (): Promise<string> =>
      [
        await runOnHost("ip", "-o", "link", "show", "cw0"),
        await runOnHost("ip", "-o", "address", "show", "dev", "cw0"),
        await runOnHost("sysctl", "-n", "net.ipv4.conf.cw0.forwarding"),
      ]
        .join("")
        // What the kernel makes of the carrier comes a moment later (net/core/link_watch.c).
        .replaceAll(/^\d+: |valid_lft.*$|NO-CARRIER,| state \S+/gm, "");
    const planned = await describe();
    await runOnHost(...damage);
    assert.notEqual(await describe(), planned);
    assert.deepEqual((await kernel.ensureNode(nodePlan)).faults, []);
    assert.equal(await describe(), planned);
  });
}

test("ensureNode() marks the gateway of a former PodCIDR, and listGateways() tells it from the current one", async () => {
  const podCidr = { family: 4, base: "10.244.7.0", prefixLength: 24 } as const;
  const formerCidr = { family: 4, base: "10.244.1.0", prefixLength: 24 } as const;
  const plan = planNodeNetwork({
    bridge: "cw0",
    mtu: 1400,
    podCidrs: [podCidr],
    formerCidrs: [formerCidr],
    uplinks: [],
  });
  await kernel.ensureNode(plan);
  assert.deepEqual(
    (await kernel.listGateways("cw0")).toSorted((a, b) => a.address.localeCompare(b.address)),
    [
      { family: 4, address: "10.244.1.1", prefixLength: 24, deprecated: true },
      { family: 4, address: "10.244.7.1", prefixLength: 24, deprecated: false },
    ],
  );
  await kernel.ensureNode(nodePlan);
  const gateways = await kernel.listGateways("cw0");
  assert.deepEqual(gateways.map(({ address, deprecated }) => `${address} ${deprecated}`).toSorted(), [
    "10.244.1.1 false",
    "fd00:10:244:1::1 false",
  ]);
});

test("listGateways() only reads: the bridge of an agent before is written once adoptBridge() has taken it over", async () => {
  const again = openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });
  try {
    const given = await again.readLastGiven("cw0");
    assert.equal((await again.listGateways("cw0")).length, 2);
    await again.saveLastGiven(["10.244.1.99"]);
    assert.deepEqual(await again.readLastGiven("cw0"), given);
    await again.adoptBridge("cw0");
    await again.saveLastGiven(["10.244.1.99"]);
    assert.deepEqual(await again.readLastGiven("cw0"), ["10.244.1.99"]);
    await again.saveLastGiven(given);
  } finally {
    again.close();
  }
});

test("ensureNode() refuses a bridge that somebody else made", async () => {
  await runOnHost("ip", "link", "add", "cwforeign", "type", "bridge");
  await assert.rejects(
    kernel.ensureNode({ ...nodePlan, bridge: "cwforeign" }),
    /Cannot use bridge "cwforeign"/,
  );
  await runOnHost("ip", "link", "del", "cwforeign");
});

test("detachPod() forgets the link-local address from which a pod has solicited routers", async () => {
  const pod = await makePod();
  const plan = podPlan("solicits");
  await kernel.attachPod(plan, pod);
  // What the host learns from a router solicitation, one or two seconds after the pod came up.
  await runOnHost(
    "ip",
    "neighbour",
    "replace",
    linkLocalOf(plan.pod.mac),
    "lladdr",
    plan.pod.mac,
    "nud",
    "stale",
    "dev",
    "cw0",
  );
  await kernel.detachPod(plan.host.link);
  assert.doesNotMatch(
    await runOnHost("ip", "neighbour", "show", "dev", "cw0"),
    new RegExp(linkLocalOf(plan.pod.mac)),
  );
});

test("ensureNode() gives the bridge an MTU that it keeps when its last port has gone", async () => {
  await runOnHost("ip", "link", "add", "port0", "mtu", "1400", "type", "veth", "peer", "name", "port1");
  await runOnHost("ip", "link", "set", "port0", "master", "cw0");
  await runOnHost("ip", "link", "del", "port0");
  assert.match(await runOnHost("ip", "link", "show", "cw0"), /mtu 1400 /);
});
