/**
 * A node network that carries no more than 1280 bytes, as Tailscale's: what pods get, what is impossible, and
 * that what doctor prints about it is not undone by a running agent (tailscale/tailscale#16820,
 * flannel-io/flannel PR#1736).
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { makeNetns, type Netns, host } from "../../testing/machine/netns.ts";
import { askForVerification } from "../../report/ask-agent.ts";
import { findingsOf, type FindingsReport, runShipped } from "../../testing/agent/run-causeway.ts";

let lab: Neighbourhood;
let node: TestNode;

beforeEach(async () => {
  lab = await makeNeighbourhood();
  ({ node } = lab);
  await setUplinks(1280);
});

afterEach(() => lab.remove());

/** Both ends: the network itself carries no more. */
async function setUplinks(mtu: number): Promise<void> {
  await host(`ip link set up0 mtu ${mtu}`);
  await lab.outside.run("ip", "link", "set", "far0", "mtu", String(mtu));
}

function start(...flags: readonly string[]): AgentProcess {
  return node.start("--standalone", "--nodes-file", node.nodesFile, ...flags);
}

/** Leaves IPv6 out of everything. */
function useIpv4(): void {
  const nodes = JSON.parse(readFileSync(node.nodesFile, "utf8")) as {
    addresses: string[];
    podCIDRs: string[];
  }[];
  const isIpv4 = (text: string): boolean => !text.includes(":");
  const ipv4 = nodes.map((entry) => {
    const { addresses, podCIDRs } = entry;
    return Object.assign(entry, {
      addresses: addresses.filter(isIpv4),
      podCIDRs: podCIDRs.filter(isIpv4),
    });
  });
  writeFileSync(node.nodesFile, JSON.stringify(ipv4));
}

async function mtuOf(link: string): Promise<number> {
  return Number(/ mtu (\d+) /.exec(await host(`ip link show dev ${link}`))?.[1]);
}

async function doctor(): Promise<FindingsReport> {
  const { stdout, stderr } = await runShipped([
    "doctor",
    "--socket",
    node.socket,
    "--node-name",
    NODE_NAME,
    "--json",
  ]);
  assert.equal(stderr, "");
  return JSON.parse(stdout) as FindingsReport;
}

/**
 * The agent has looked at everything once more, as it does each minute, and has found nothing to put right.
 */
async function assertKept(): Promise<void> {
  const answer = await askForVerification(node.socket, 20_000);
  assert.ok(answer.kind === "answer", JSON.stringify(answer));
  assert.deepEqual(answer.report.faults, []);
}

/** Packets that the node has cut (RFC 4293), of IPv4. */
async function countFragments(): Promise<number> {
  const [names = "", values = ""] = (await host("grep ^Ip: /proc/net/snmp")).split("\n");
  return Number(values.split(" ")[names.split(" ").indexOf("FragCreates")]);
}

/** Sends a packet of the pod's full size to a pod of the far node, which nobody answers. */
function sendLarge(pod: Netns, mtu: number): Promise<string> {
  return pod.run("sh", "-c", `ping -n -c 1 -W 1 -s ${mtu - 28} -M do 10.244.3.5 || true`);
}

test("IPv4 pods over a network of 1280 bytes get what fits: no outer packet is cut (tailscale/tailscale#16820)", async () => {
  useIpv4();
  await start().waitUntilReady();
  const pod = await makeNetns();
  try {
    await node.add("c1", pod);
    assert.match(await pod.run("ip", "link", "show", "eth0"), / mtu 1230 /);
    assert.deepEqual([await mtuOf("cw0"), await mtuOf("cw-vx")], [1230, 1230]);
    const before = await countFragments();
    assert.doesNotMatch(await sendLarge(pod, 1230), /too long|Frag needed/);
    assert.equal(await countFragments(), before);
    assert.deepEqual(
      findingsOf(await doctor(), "MTU").map(({ verdict }) => verdict),
      ["ok"],
    );
  } finally {
    await pod.remove();
  }
});

test("with IPv6 pods get 1280 bytes, readiness warns of what is cut, and doctor's remedy is not undone", async () => {
  const agent = start();
  await agent.waitUntilReady();
  const pod = await makeNetns();
  try {
    await node.add("c1", pod);
    assert.deepEqual([await mtuOf("cw0"), await mtuOf("cw-vx")], [1280, 1280]);
    const before = await countFragments();
    await sendLarge(pod, 1280);
    assert.ok((await countFragments()) > before, "the packet is cut");
    const warning =
      /warning: MTU: pods with IPv6 need 1280 bytes, so packets of cw-vx \(1330 bytes\) are fragmented/;
    assert.match((await agent.get("/readyz"))?.text ?? "", warning);
    const found = findingsOf(await doctor(), "MTU");
    assert.deepEqual(
      found.map(({ verdict, remedy }) => `${verdict} ${remedy}`),
      ["warn ip link set dev up0 mtu 1330"],
    );
    await lab.outside.run("ip", "link", "set", "far0", "mtu", "1330");
    for (const { remedy = "false" } of found) await host(remedy);
    await eventually(
      "the warning is over",
      async () => !warning.test((await agent.get("/readyz"))?.text ?? "warning"),
    );
    await assertKept();
    assert.deepEqual([await mtuOf("up0"), await mtuOf("cw0"), await mtuOf("cw-vx")], [1330, 1280, 1280]);
    const after = await countFragments();
    await sendLarge(pod, 1280);
    assert.equal(await countFragments(), after);
    assert.deepEqual(
      findingsOf(await doctor(), "MTU").map(({ verdict }) => verdict),
      ["ok"],
    );
  } finally {
    await pod.remove();
  }
});

test("an mtu below 1280 is taken for IPv4 alone; with IPv6 readiness says why not, and everything else is as it should be", async () => {
  const both = start("--mtu", "1230");
  const reason = /mtu 1230 is too small for pods with IPv6, which needs 1280: set mtu to 0 or at least 1280/;
  await eventually("the reason is told", async () => reason.test((await both.get("/readyz"))?.text ?? ""));
  assert.equal((await both.get("/readyz"))?.status, 503);
  assert.equal(await mtuOf("cw0"), 1280);
  useIpv4();
  await both.end("SIGTERM");
  await host("ip link delete cw0");
  await start("--mtu", "1230").waitUntilReady();
  assert.equal(await mtuOf("cw0"), 1230);
});

test("doctor prints no command that an agent with a configured mtu would undo: it says what to configure", async () => {
  await setUplinks(1500);
  await start("--mtu", "1480").waitUntilReady();
  assert.deepEqual(
    findingsOf(await doctor(), "MTU").map(({ evidence, remedy }) => [evidence.split("; ").at(-1), remedy]),
    [["set the agent's mtu to 0, or at most 1450", undefined]],
  );
});

test("doctor's remedy for a path that carries less is what a running agent makes of it", async () => {
  await setUplinks(1500);
  const agent = start();
  await agent.waitUntilReady();
  await lab.outside.run("ip", "link", "set", "beyond0", "mtu", "1420");
  const found = findingsOf(await doctor(), "MTU");
  assert.deepEqual(
    found.map(({ remedy }) => remedy),
    ["ip link set dev up0 mtu 1420 && ip link set dev cw-vx mtu 1370 && ip link set dev cw0 mtu 1350"],
  );
  for (const { remedy = "false" } of found) await host(remedy);
  // Asked before it has heard of the uplink, the agent compares with its former plan, and then follows.
  await eventually("the agent finds nothing to put right", async () => {
    const answer = await askForVerification(node.socket, 20_000);
    return answer.kind === "answer" && answer.report.faults.length === 0;
  });
  await assertKept();
  assert.deepEqual([await mtuOf("up0"), await mtuOf("cw-vx"), await mtuOf("cw0")], [1420, 1370, 1350]);
});

test("doctor does not measure the overlay by a narrower way out of the cluster, which the agent does not follow", async () => {
  await setUplinks(1500);
  await host(
    "ip link add wan0 mtu 1300 type veth peer name wan1; ip link set wan1 up; ip link set wan0 up; ip address add 198.51.100.2/24 dev wan0; ip route replace default via 198.51.100.1",
  );
  await host("ip route add 203.0.113.0/24 via 192.0.2.1");
  try {
    await start().waitUntilReady();
    assert.equal(await mtuOf("cw0"), 1430);
    assert.deepEqual(
      findingsOf(await doctor(), "MTU").map(({ verdict }) => verdict),
      ["ok"],
    );
  } finally {
    await host("ip link delete wan0");
  }
});
