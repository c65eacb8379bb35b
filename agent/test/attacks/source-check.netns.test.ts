/**
 * A pod speaks from the addresses that its ADD gave it, and from no other: attacks by raw frames from inside
 * pods, through the real agent.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import { linkLocalOf } from "../../net/mac.ts";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import { podMac } from "../../plan/pods/pod-network.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";

const PODCIDRS = ["10.244.1.0/24", "fd00:1::/64"];

let node: TestNode;
let agent: AgentProcess;
let attacker: Netns;
let victim: Netns;
let own: readonly string[];
let theirs: readonly string[];

beforeEach(async () => {
  node = makeNode();
  [attacker, victim] = await Promise.all([makeNetns(), makeNetns()]);
  node.writeNodes(...PODCIDRS);
  agent = await startAgent();
  own = await node.add("attacker", attacker);
  theirs = await node.add("victim", victim);
});

afterEach(async () => {
  await Promise.all([attacker.remove(), victim.remove()]);
  await node.remove();
});

async function startAgent(...flags: readonly string[]): Promise<AgentProcess> {
  const started = node.start("--standalone", "--nodes-file", node.nodesFile, ...flags);
  await started.waitUntilReady();
  return started;
}

/** Sends frames from a pod, as a program with CAP_NET_RAW writes them. */
async function sendFrames(from: Netns, ...frames: readonly object[]): Promise<void> {
  const program = new URL("../../testing/packets/send-udp-frames.ts", import.meta.url).pathname;
  const { exitCode, stderr } = await privileged({
    command: [process.execPath, program],
    netns: from.path,
    stdin: JSON.stringify(frames),
  });
  assert.equal(exitCode, 0, stderr);
}

/** Counts what comes to the host's IP stack or to another pod, by the port that each frame has. */
async function countArrivals(): Promise<() => Promise<Readonly<Record<string, number>>>> {
  const table = `table inet arrivals {
    set ports { type inet_service; flags dynamic; counter; }
    chain prerouting {
      type filter hook prerouting priority -301
      udp dport 20000-29999 add @ports { udp dport }
    }
  }`;
  for (const where of [undefined, victim]) {
    await (where === undefined ? runOnHost("nft", table) : where.run("nft", table));
  }
  return async () => {
    const counts: Record<string, number> = {};
    for (const where of [undefined, victim]) {
      const list = ["nft", "list", "set", "inet", "arrivals", "ports"];
      const text = await (where === undefined ? runOnHost(...list) : where.run(...list));
      for (const [, port = "", packets] of text.matchAll(/(\d+) counter packets (\d+)/g))
        counts[port] = (counts[port] ?? 0) + Number(packets);
    }
    return counts;
  };
}

const dropped = (reason: string): Promise<number | undefined> =>
  agent.metric(`causeway_dropped_packets_total{reason="${reason}"}`);

/**
 * Before a packet that the stack takes as if it had none. Old kernels show the guard the inner tag, which is
 * no packet of IP; 7.2 shows it what is behind.
 */
const TWO_TAGS = [
  [0x88a8, 0],
  [0x8100, 0],
];

/** Every frame ends with UDP to a port of its own, by which it is known where it arrives. */
function spoofs(): { readonly name: string; readonly frame: object }[] {
  const [own4 = "", own6 = ""] = own;
  const [their4 = "", their6 = ""] = theirs;
  const to4 = { dst: "10.244.1.1" };
  const to6 = { dst: "fd00:1::1" };
  return [
    { name: "another pod's IPv4 address", frame: { src: their4, ...to4 } },
    { name: "another pod's IPv6 address", frame: { src: their6, ...to6 } },
    { name: "the world's IPv4 address, to another pod", frame: { src: "198.51.100.7", dst: their4 } },
    { name: "the world's IPv6 address, to another pod", frame: { src: "2001:db8::7", dst: their6 } },
    { name: "the gateway's IPv4 address", frame: { src: "10.244.1.1", dst: their4 } },
    { name: "the gateway's IPv6 address", frame: { src: "fd00:1::1", dst: their6 } },
    { name: "127.0.0.1", frame: { src: "127.0.0.1", ...to4 } },
    { name: "its own address, to the node's loopback", frame: { src: own4, dst: "127.0.0.1" } },
    {
      name: "the node's loopback, in a first fragment",
      frame: { src: own4, dst: "127.7.7.7", fragment: true },
    },
    { name: "0.0.0.0", frame: { src: "0.0.0.0", ...to4 } },
    { name: "the unspecified IPv6 address", frame: { src: "::", ...to6 } },
    { name: "another pod's link-local address", frame: { src: linkLocalOf(podMac(theirs)), ...to6 } },
    { name: "an IPv4-mapped address", frame: { src: "::ffff:af4:102", ...to6 } },
    { name: "a free address of the PodCIDR", frame: { src: "10.244.1.99", ...to4 } },
    { name: "a free IPv6 address of the PodCIDR", frame: { src: "fd00:1::99", ...to6 } },
    { name: "an address in a first fragment", frame: { src: their4, ...to4, fragment: true } },
    { name: "an address in a first IPv6 fragment", frame: { src: their6, ...to6, fragment: true } },
    { name: "an address before a hop-by-hop header", frame: { src: their6, ...to6, hopByHop: true } },
    { name: "an address with IPv4 options", frame: { src: their4, ...to4, options: true } },
    { name: "a priority tag", frame: { src: their4, ...to4, tags: [[0x8100, 0]] } },
    { name: "a priority tag of 802.1ad", frame: { src: their6, ...to6, tags: [[0x88a8, 0]] } },
    { name: "a VLAN tag", frame: { src: their4, ...to4, tags: [[0x8100, 7]] } },
    { name: "two tags, another pod's address within", frame: { src: their4, ...to4, tags: TWO_TAGS } },
    { name: "two tags, another pod's IPv6 address within", frame: { src: their6, ...to6, tags: TWO_TAGS } },
    { name: "three tags", frame: { src: their4, ...to4, tags: [...TWO_TAGS, [0x8100, 0]] } },
    { name: "another pod's MAC", frame: { src: own6, dst: their6, mac: podMac(theirs) } },
    { name: "the MAC of everybody", frame: { src: own4, ...to4, mac: "ff:ff:ff:ff:ff:ff" } },
    { name: "the MAC of a group", frame: { src: own6, ...to6, mac: "33:33:00:00:00:01" } },
  ];
}

test("no frame of a pod passes under an address that is not its own, in whatever clothes, and the pod's own do", async () => {
  const arrivals = await countArrivals();
  const attacks = spoofs().map(({ name, frame }, index) => ({ name, frame, port: 20_000 + index }));
  const [own4 = "", own6 = ""] = own;
  const [their4 = "", their6 = ""] = theirs;
  const honest = [
    { src: own4, dst: their4, mac: BRIDGE_MAC, port: 29_001 },
    { src: own6, dst: their6, mac: BRIDGE_MAC, port: 29_002 },
    { src: own4, dst: "10.244.1.1", mac: BRIDGE_MAC, port: 29_003 },
    { src: own6, dst: "fd00:1::1", mac: BRIDGE_MAC, port: 29_004 },
    { src: linkLocalOf(podMac(own)), dst: "fd00:1::1", mac: BRIDGE_MAC, port: 29_005 },
  ];
  await sendFrames(
    attacker,
    ...attacks.map(({ frame, port }) => Object.assign({ mac: BRIDGE_MAC, port }, frame)),
    ...honest,
  );
  // Frames keep their order: when the last has come, all others have been judged.
  await eventually("the pod's own packets arrive", async () => (await arrivals())["29005"] === 1, arrivals);
  const seen = await arrivals();
  const passed = attacks.filter(({ port }) => (seen[String(port)] ?? 0) > 0).map(({ name }) => name);
  assert.deepEqual(passed, []);
  for (const { port } of honest) assert.ok((seen[String(port)] ?? 0) > 0, `port ${port}`);
  assert.ok(((await dropped("source")) ?? 0) >= 18, `${await dropped("source")} for their source`);
  assert.ok(((await dropped("destination")) ?? 0) >= 1);
  assert.ok(((await dropped("group")) ?? 0) >= 2);
});

/** The guard of the release before this one, which let a pod send from any address. */
const FORMER_GUARD = `table bridge causeway {
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifgroup 25463 ether daddr != ${BRIDGE_MAC} ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 drop comment "guard 0"
  }
}`;

test("an upgrade from the release without the check, and the way back, lose no packet of pods that run", async () => {
  await agent.end("SIGKILL");
  const putFormerGuard = async (): Promise<void> => {
    const stdin = `delete table bridge causeway\n${FORMER_GUARD}\n`;
    const { exitCode, stderr } = await privileged({ command: ["nft", "-f", "-"], stdin });
    assert.equal(exitCode, 0, stderr);
  };
  await putFormerGuard();
  // Many packets a second, from before the new agent starts until after the former guard is there again.
  const pings = await Promise.all(
    theirs.map(async (address, index) => {
      const file = join(node.folder, `ping-${index}`);
      const ping = `echo ready; exec ping -q -i 0.002 ${address} >${file}`;
      const request = { command: ["sh", "-c", ping], netns: attacker.path, background: true };
      return { file, pid: (await privileged(request)).pid };
    }),
  );
  agent = await startAgent();
  assert.equal((await elements()).length, 6);
  await agent.end("SIGKILL");
  await putFormerGuard();
  // All of them, whatever they say: one that goes on holds the pod's namespace.
  for (const { pid } of pings) await endPrivileged(pid, "SIGINT");
  for (const { file } of pings) {
    const said = (): string => readFileSync(file, "utf8");
    await eventually("ping tells its numbers", async () => said().includes("packet loss"), said);
    assert.match(said(), /^[1-9]\d+ packets transmitted.* 0% packet loss/m);
  }
});

/** Elements of the guard's sets, one a line: `HOST_LINK . ADDRESS`. */
async function elements(): Promise<string[]> {
  const text = await runOnHost("nft", "list", "table", "bridge", "causeway");
  return [...text.matchAll(/"?(cw[a-z2-7]{13})"? \. ([0-9a-f.:]+)/g)]
    .map(([, link, address]) => `${link} . ${address}`)
    .toSorted();
}

function elementsOf(containerId: string, addresses: readonly string[]): string[] {
  const link = hostLinkName(containerId, "eth0");
  return [...addresses, linkLocalOf(podMac(addresses))].map((address) => `${link} . ${address}`);
}

test("ADD and DEL bring and take exactly the pod's own elements, also a DEL by the shim alone once the agent is back", async () => {
  const all = [...elementsOf("attacker", own), ...elementsOf("victim", theirs)].toSorted();
  assert.deepEqual(await elements(), all);
  await node.del("attacker");
  assert.deepEqual(await elements(), elementsOf("victim", theirs).toSorted());
  await agent.end("SIGKILL");
  await node.del("victim");
  assert.deepEqual(await elements(), elementsOf("victim", theirs).toSorted());
  agent = await startAgent();
  await eventually("the element of the dead link is gone", async () => (await elements()).length === 0);
});

for (const { name, damage } of [
  { name: "one element", damage: 'nft delete element bridge causeway sources4 "{ LINK . ADDRESS }"' },
  { name: "all elements", damage: "nft flush set bridge causeway sources6" },
  { name: "the whole ruleset", damage: "nft flush ruleset" },
]) {
  test(`${name} that somebody deletes is put back and counted, and after a start as well`, async () => {
    const before = await elements();
    const repairs = (): Promise<number | undefined> =>
      agent.metric('causeway_drift_repairs_total{kind="ruleset"}');
    assert.equal((await repairs()) ?? 0, 0);
    const link = hostLinkName("attacker", "eth0");
    await host(damage.replace("LINK", link).replace("ADDRESS", own[0] ?? ""));
    await eventually("it is counted", async () => ((await repairs()) ?? 0) > 0);
    assert.deepEqual(await elements(), before);
    await agent.end("SIGKILL");
    await host(damage.replace("LINK", link).replace("ADDRESS", own[0] ?? ""));
    agent = await startAgent();
    assert.deepEqual(await elements(), before);
  });
}

test("an ADD succeeds while somebody flushes the rules, with its elements in the kernel", async () => {
  await node.del("attacker");
  for (let round = 0; round < 5; round++) {
    const [addresses] = await Promise.all([
      node.add("attacker", attacker),
      runOnHost("nft", "flush", "ruleset"),
    ]);
    const wanted = elementsOf("attacker", addresses);
    await eventually("its elements are there", async () => {
      const found = await elements().catch((): string[] => []);
      return wanted.every((element) => found.includes(element));
    });
    await node.del("attacker");
  }
});

const ANNOTATIONS = { "io.kubernetes.cri.pod-annotations": { "causeway.io/allow-source-spoofing": "true" } };

async function addRouter(netns: Netns): Promise<void> {
  const { exitCode, stdout } = await node.call("ADD", {
    containerId: "router",
    netns: netns.path,
    args: "K8S_POD_NAMESPACE=net;K8S_POD_NAME=router",
    runtimeConfig: ANNOTATIONS,
  });
  assert.equal(exitCode, 0, stdout);
}

test("the annotation of a pod counts only where the operator allows it, survives a restart, and binds to the gateway's MAC", async () => {
  await node.del("attacker");
  const arrivals = await countArrivals();
  const foreign = { src: "198.51.100.7", dst: "10.244.1.1" };
  const frames = (port: number): readonly object[] => [
    { ...foreign, mac: BRIDGE_MAC, port },
    { ...foreign, mac: podMac(theirs), port: port + 1 },
    { src: "127.0.0.1", dst: "10.244.1.1", mac: BRIDGE_MAC, port: port + 3 },
    { ...foreign, dst: "127.0.0.1", mac: BRIDGE_MAC, port: port + 4 },
    { src: "2001:db8::7", dst: "fd00:1::1", mac: BRIDGE_MAC, port: port + 2 },
  ];
  await addRouter(attacker);
  assert.match(agent.log(), /allow-source-spoofing.* of pod \\"net\/router\\" is ignored/);
  const refused = (await dropped("source")) ?? 0;
  await sendFrames(attacker, ...frames(21_000));
  await eventually("all are dropped", async () => ((await dropped("source")) ?? 0) >= refused + 2);
  assert.deepEqual(await arrivals(), {});
  await node.del("router");
  await agent.end("SIGTERM");
  agent = await startAgent("--allow-source-spoofing", "true");
  await addRouter(attacker);
  await sendFrames(attacker, ...frames(22_000));
  await eventually("the router's arrive", async () => (await arrivals())["22002"] === 1, arrivals);
  assert.deepEqual(Object.keys(await arrivals()), ["22000", "22002"]);
  for (const [flags, wanted] of [
    [["--allow-source-spoofing", "true"], true],
    [[], false],
  ] as const) {
    await agent.end("SIGTERM");
    agent = await startAgent(...flags);
    const listed = await runOnHost("nft", "list", "set", "bridge", "causeway", "anysource");
    assert.equal(listed.includes(hostLinkName("router", "eth0")), wanted);
  }
  await node.del("router");
  assert.doesNotMatch(await runOnHost("nft", "list", "set", "bridge", "causeway", "anysource"), /elements/);
});
