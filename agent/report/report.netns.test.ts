import { runShipped } from "../testing/agent/run-causeway.ts";
import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { hostLinkName } from "../net/host-link.ts";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../testing/agent/agent-process.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../testing/machine/netns.ts";
import { askAgent, askForVerification } from "./ask-agent.ts";
import type { NodeReport } from "./node-report.ts";
import { querySocket } from "./query.ts";

let node: TestNode;
let pods: Netns[] = [];

beforeEach(async () => {
  node = makeNode();
  await runOnHost(
    "sh",
    "-c",
    `ip link add up0 type veth peer name far0 && ip link set far0 up &&
     ip address add 192.0.2.10/24 dev up0 && ip link set up0 up && ip route add default via 192.0.2.1`,
  );
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  pods = [];
  await node.remove();
  await runOnHost("sh", "-c", "ip link del up0; ip link del cw-vx; true");
});

const PEERS = [
  { name: "near", addresses: ["192.0.2.11"], podCIDRs: ["10.244.2.0/24"] },
  { name: "far", addresses: ["203.0.113.7"], podCIDRs: ["10.244.3.0/24"] },
  { name: "nowhere", addresses: [], podCIDRs: ["10.244.4.0/24"] },
];

function start(...podCIDRs: readonly string[]): AgentProcess {
  const own = { name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs };
  writeFileSync(node.nodesFile, JSON.stringify([own, ...PEERS]));
  return node.start("--standalone", "--nodes-file", node.nodesFile);
}

async function ask(): Promise<NodeReport> {
  const answer = await askAgent(node.socket, { query: "report", timeoutMs: 5000 });
  assert.ok(answer.kind === "answer", JSON.stringify(answer));
  return answer.report;
}

/** Between bind() and listen() the socket's file is there, and nobody answers. */
async function answers(): Promise<boolean> {
  return (await askAgent(node.socket, { query: "report", timeoutMs: 5000 })).kind === "answer";
}

const WEB = { containerId: "c1", args: "K8S_POD_NAMESPACE=team;K8S_POD_NAME=web-0;IgnoreUnknown=1" };

async function addWeb(): Promise<void> {
  const pod = await makeNetns();
  pods.push(pod);
  const runtimeConfig = {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    bandwidth: { ingressRate: 10_000_000, ingressBurst: 1_000_000, egressRate: 0, egressBurst: 0 },
  };
  const { exitCode, stdout } = await node.call("ADD", { ...WEB, netns: pod.path, runtimeConfig });
  assert.equal(exitCode, 0, stdout);
}

test("the agent tells why it is not ready, before it listens for the shim", async () => {
  start();
  await eventually("the query socket answers", answers);
  const isTold = async (): Promise<boolean> =>
    (await ask()).readiness?.reasons.some(({ part }) => part === "pod CIDRs") === true;
  await eventually("the reason is told", isTold);
  assert.ok(!existsSync(node.socket));
  assert.deepEqual((await ask()).attachments, []);
});

test("the report has the node, its pods with names, ports, limits and age, other nodes with the way to them, and what happened", async () => {
  const agent = start("10.244.1.0/24", "fd00:1::/64");
  await agent.waitUntilReady();
  await addWeb();
  await node.call("ADD", { ...WEB, netns: pods[0]?.path ?? "" });
  const report = await ask();
  assert.deepEqual(report.readiness, { isReady: true, reasons: [], warnings: [] });
  assert.deepEqual(
    { ...report.node },
    {
      name: NODE_NAME,
      addresses: ["192.0.2.10"],
      podCIDRs: ["10.244.1.0/24", "fd00:1::/64"],
      bridge: "cw0",
      mtu: 1450,
    },
  );
  assert.equal(report.agent?.pid, agent.pid);
  assert.deepEqual(
    report.pools.map(({ cidr, taken }) => [cidr, taken]),
    [
      ["10.244.1.0/24", 1],
      ["fd00:1::/64", 1],
    ],
  );
  const [web] = report.attachments;
  const ageMs = report.atMs - (web?.createdMs ?? 0);
  assert.ok(ageMs >= 0 && ageMs < 10_000, `${ageMs} ms`);
  assert.deepEqual(web, {
    pod: "team/web-0",
    containerId: "c1",
    ifname: "eth0",
    network: "causeway",
    addresses: ["10.244.1.2", "fd00:1::2"],
    hostLink: hostLinkName("c1", "eth0"),
    mac: "0a:58:0a:f4:01:02",
    anySource: false,
    mtu: 1450,
    isUp: true,
    hostPorts: [{ protocol: "tcp", hostPort: 8080, containerPort: 80 }],
    bandwidth: { ingress: { rate: 10_000_000, burst: 1_000_000 } },
    createdMs: web?.createdMs,
  });
  assert.deepEqual(report.peers.counts, { encrypted: 0, direct: 1, overlay: 1, held: 0, unreachable: 1 });
  assert.deepEqual(
    report.peers.list.map(({ node: name, podCIDR, route, via }) => [name, podCIDR, route, via]),
    [
      ["nowhere", "10.244.4.0/24", "unreachable", undefined],
      ["far", "10.244.3.0/24", "overlay", "203.0.113.7"],
      ["near", "10.244.2.0/24", "direct", "192.0.2.11"],
    ],
  );
  assert.match(report.peers.list[0]?.reason ?? "", /shares no address family/);
  const [second, first] = report.calls;
  assert.deepEqual([first?.command, first?.pod, first?.code, second?.code], ["ADD", "team/web-0", 0, 100]);
  assert.match(second?.error ?? "", /has it through host link/);
  assert.ok((first?.ms ?? 0) > 0 && (first?.ms ?? 0) < 5000);
});

test("an agent that was killed knows names and age of its pods again, and answers on the socket that it left", async () => {
  const first = start("10.244.1.0/24");
  await first.waitUntilReady();
  await addWeb();
  const [before] = (await ask()).attachments;
  await first.end("SIGKILL");
  assert.equal((await askAgent(node.socket, { query: "report", timeoutMs: 5000 })).kind, "silent");
  await start("10.244.1.0/24").waitUntilReady();
  const [after] = (await ask()).attachments;
  const differenceMs = (after?.createdMs ?? 0) - (before?.createdMs ?? 0);
  assert.ok(Math.abs(differenceMs) < 100, `${differenceMs} ms`);
  assert.deepEqual({ ...after, createdMs: 0 }, { ...before, createdMs: 0 });
});

test("the age of a pod, and the order by age, survive every repair of its link", async () => {
  const agent = start("10.244.1.0/24");
  await agent.waitUntilReady();
  const newest = await makeNetns();
  pods.push(newest);
  await addWeb();
  await node.add("c2", newest);
  const before = (await ask()).attachments;
  assert.deepEqual(
    before.map(({ containerId }) => containerId),
    ["c2", "c1"],
  );
  for (const damage of [
    "ip neighbour del 10.244.1.2 dev cw0",
    `ip link set ${hostLinkName("c1", "eth0")} nomaster`,
    "ip link set cw0 down",
    "ip link del cw0",
  ]) {
    const repairs = (await ask()).repairs.length;
    await runOnHost("sh", "-c", damage);
    await eventually(`${damage}: it is put back`, async () => {
      const isBack = host("ip neighbour show dev cw0 | grep -q ^10.244.1.2").then(
        () => true,
        () => false,
      );
      return (await ask()).repairs.length > repairs && isBack;
    });
    const after = (await ask()).attachments;
    assert.deepEqual(
      after.map(({ containerId }) => containerId),
      ["c2", "c1"],
      damage,
    );
    for (const [index, { createdMs = 0, isOlder }] of after.entries()) {
      const differenceMs = createdMs - (before[index]?.createdMs ?? 0);
      assert.ok(Math.abs(differenceMs) < 100, `${damage}: ${differenceMs} ms`);
      assert.equal(isOlder, undefined);
    }
  }
});

test("of a pod whose link tells no time, only the least age is told, and it comes after those that are younger", async () => {
  await start("10.244.1.0/24").waitUntilReady();
  await addWeb();
  const link = hostLinkName("c1", "eth0");
  const names = await runOnHost("ip", "-o", "link", "show", "dev", link);
  const [since = ""] = /cw\w+\.since\.\d+/.exec(names) ?? [];
  await runOnHost("ip", "link", "property", "del", "dev", link, "altname", since);
  const [web] = (await ask()).attachments;
  assert.equal(web?.isOlder, true);
  const { stdout } = await runShipped(["status", "--socket", node.socket]);
  assert.match(stdout, /team\/web-0 .* at least \d+ s/);
});

test("drift that the agent repaired is in the report", async () => {
  await start("10.244.1.0/24").waitUntilReady();
  await runOnHost("ip", "route", "del", "10.244.2.0/24");
  await eventually("the repair is told", async () =>
    (await ask()).repairs.some(({ kind, fault }) => kind === "route" && fault.includes("10.244.2.0/24")),
  );
});

test("a query socket that somebody removed is back", async () => {
  await start("10.244.1.0/24").waitUntilReady();
  rmSync(querySocket(node.socket));
  await eventually("the query socket answers again", answers);
  await ask();
});

async function verify(): Promise<readonly string[]> {
  const answer = await askForVerification(node.socket, 5000);
  assert.ok(answer.kind === "answer", JSON.stringify(answer));
  return answer.report.faults;
}

test("a verification finds nothing on a node that is as planned, and what somebody has changed, whoever puts it back", async () => {
  const agent = start("10.244.1.0/24", "fd00:1::/64");
  await agent.waitUntilReady();
  await addWeb();
  assert.deepEqual(await verify(), []);
  for (const { damage, fault } of [
    {
      damage: "nft add element inet causeway ports4 '{ 6 . 99 : 192.0.2.9 . 80 }'",
      fault: /ports4 has unexpected elements 6 \. 99/,
    },
    { damage: "ip addr del 10.244.1.1/32 dev cw0", fault: /10\.244\.1\.1/ },
    { damage: "ip neigh flush dev cw0 nud permanent", fault: /10\.244\.1\.2/ },
  ]) {
    await runOnHost("sh", "-c", damage);
    const told = [...(await verify()), ...(await ask()).repairs.map((repair) => repair.fault)];
    assert.match(told.join("\n"), fault);
    assert.deepEqual(await verify(), []);
  }
});
