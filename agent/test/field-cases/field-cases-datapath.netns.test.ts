/**
 * Cases from the field about what pods' packets meet on the node; docs/field-cases.md lists all of them with
 * their tests.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { dumpNodeState } from "../../testing/machine/node-state.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";

const V4 = "10.244.1.0/24";
const V6 = "fd00:1::/64";

let node: TestNode;
let agent: AgentProcess;
let pods: Netns[];

beforeEach(async () => {
  node = makeNode();
  node.writeNodes(V4, V6);
  pods = [await makeNetns(), await makeNetns()];
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
});

afterEach(async () => {
  await runOnHost(
    "sh",
    "-c",
    "nft delete table inet services 2>/dev/null; nft delete table bridge causeway 2>/dev/null; ip link del churn 2>/dev/null; true",
  );
  for (const pod of pods) await pod.remove();
  await node.remove();
});

async function addBoth(): Promise<{ readonly a: Netns; readonly b: Netns; readonly toB: readonly string[] }> {
  const [a, b] = [pods[0] ?? assert.fail(), pods[1] ?? assert.fail()];
  await node.add("a", a);
  return { a, b, toB: await node.add("b", b) };
}

async function ping(from: Netns, targets: readonly string[]): Promise<void> {
  for (const target of targets) await from.run("ping", "-n", "-c1", "-w5", target);
}

test("an ADD with an IPv6 address says that the pod's namespace has IPv6 disabled, and leaves nothing", async () => {
  const [pod] = [pods[0] ?? assert.fail()];
  await pod.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
  const before = await dumpNodeState();
  const { exitCode, stdout } = await node.call("ADD", { containerId: "a", netns: pod.path });
  assert.equal(exitCode, 1);
  assert.match(
    stdout,
    /fd00:1::2.*: IPv6 is disabled in the pod's network namespace; set net\.ipv6\.conf\.default\.disable_ipv6=0 in it/,
  );
  assert.equal(await dumpNodeState(), before);
  await pod.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0");
  await node.add("b", pod);
});

test("strict reverse path filters and an ARP that answers nobody do not matter to pods: addresses are asked of nobody", async (context) => {
  const loose = ["all", "default"].flatMap((link) => [
    `net.ipv4.conf.${link}.rp_filter=0`,
    `net.ipv4.conf.${link}.arp_ignore=0`,
  ]);
  context.after(() => runOnHost("sysctl", "-qw", ...loose));
  await runOnHost(
    "sysctl",
    "-qw",
    ...["all", "default", "cw0"].flatMap((link) => [
      `net.ipv4.conf.${link}.rp_filter=1`,
      `net.ipv4.conf.${link}.arp_ignore=8`,
    ]),
  );
  const { a, toB } = await addBoth();
  await ping(a, [...toB, "10.244.1.1", "fd00:1::1"]);
});

test("IPv6 forwarding goes on only after the uplink was told to go on accepting router advertisements", async () => {
  await agent.end("SIGKILL");
  const advertised = "net.ipv6.conf.up0.accept_ra";
  await runOnHost("sysctl", "-qw", "net.ipv6.conf.all.forwarding=0");
  await runOnHost("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
  await runOnHost("ip", "address", "add", "192.0.2.10/24", "dev", "up0");
  assert.equal(await runOnHost("sysctl", "-n", advertised), "1\n");
  await node.start("--standalone", "--nodes-file", node.nodesFile).waitUntilReady();
  assert.equal(await runOnHost("sysctl", "-n", "net.ipv6.conf.all.forwarding", advertised), "1\n2\n");
  await runOnHost("ip", "link", "del", "up0");
});

/**
 * What a service proxy does: a virtual address leads to a pod, and what a pod sends to itself gets the node's
 * address.
 */
const SERVICES = `table inet services {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip daddr 10.96.0.10 dnat ip to 10.244.1.3
    ip6 daddr fd00:96::10 dnat ip6 to fd00:1::3
  }
  chain postrouting {
    type nat hook postrouting priority srcnat - 1
    ip saddr 10.244.1.3 ip daddr 10.244.1.3 masquerade
    ip6 saddr fd00:1::3 ip6 daddr fd00:1::3 masquerade
  }
}`;

for (const { name, value } of [
  { name: "where bridges call the packet filter", value: 1 },
  { name: "where they do not", value: 0 },
]) {
  test(`a service leads a pod to a pod of the same node and to itself ${name} (kubernetes/kubernetes#87426)`, async () => {
    const { a, b, toB } = await addBoth();
    await privileged({ command: ["nft", "-f", "-"], stdin: SERVICES });
    const { exitCode } = await privileged({ command: ["test", "-e", "/proc/sys/net/bridge"] });
    // Without the module bridges do not call it, and there is nothing to turn on.
    if (exitCode === 0) {
      const names = ["iptables", "ip6tables"].map((family) => `net.bridge.bridge-nf-call-${family}=${value}`);
      await runOnHost("sysctl", "-qw", ...names);
    }
    for (const client of [a, b]) await ping(client, ["10.96.0.10", "fd00:96::10"]);
    await ping(a, toB);
  });
}

test("pods cannot speak to each other on layer 2: a frame straight to the other's MAC is dropped, and only by our rule", async () => {
  const { a, toB } = await addBoth();
  const mac = "0a:58:0a:f4:01:03";
  for (const target of toB) {
    await a.run("ip", "neighbour", "replace", target, "lladdr", mac, "dev", "eth0");
    await a.run("ip", "route", "replace", target, "dev", "eth0");
  }
  const isReached = (target: string): Promise<boolean> =>
    a.run("ping", "-n", "-c1", "-W1", target).then(
      () => true,
      () => false,
    );
  for (const target of toB) assert.equal(await isReached(target), false, target);
  await agent.end("SIGKILL");
  await runOnHost("nft", "delete", "table", "bridge", "causeway");
  for (const target of toB) assert.equal(await isReached(target), true, target);
});

test("pods hear nothing of each other's broadcasts and solicitations: a spoofed neighbour reaches nobody", async () => {
  const { a, b, toB } = await addBoth();
  const macOfA = "0a:58:0a:f4:01:02";
  const rules = `table netdev heard {
  chain ingress {
    type filter hook ingress device "eth0" priority 0
    ether saddr ${macOfA} counter
    ether saddr ${BRIDGE_MAC} counter
  }
}`;
  /** Frames of the other pod, and of the gateway. */
  const heard = async (): Promise<readonly string[]> => {
    const text = await b.run("nft", "list", "table", "netdev", "heard");
    return [...text.matchAll(/counter packets (\d+)/g)].map(([, count = ""]) => count);
  };
  await b.run("sh", "-c", `nft '${rules}'`);
  await a.run("ip", "neighbour", "replace", "10.244.1.99", "lladdr", "ff:ff:ff:ff:ff:ff", "dev", "eth0");
  await a.run("ip", "route", "replace", "10.244.1.99", "dev", "eth0");
  await a.run("sh", "-c", "ping -n -c3 -i0.1 -W1 10.244.1.99; ping -n -c3 -i0.1 -W1 ff02::1%eth0; true");
  assert.equal((await heard())[0], "0");
  // Also where the bridge would flood them: they end before it.
  await runOnHost("bridge", "link", "set", "dev", hostLinkName("b", "eth0"), "bcast_flood", "on");
  await a.run("sh", "-c", "ping -n -c3 -i0.1 -W1 10.244.1.99; true");
  assert.equal((await heard())[0], "0");
  // What is forwarded comes from the gateway, and is counted.
  await ping(a, toB);
  const [fromA, fromGateway] = await heard();
  assert.equal(fromA, "0");
  assert.notEqual(fromGateway, "0");
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`${signal} of the agent changes nothing in the kernel, and neither does its next start`, async () => {
    const { a, toB } = await addBoth();
    await ping(a, toB);
    const before = await dumpNodeState();
    await agent.end(signal);
    assert.equal(await dumpNodeState(), before);
    await ping(a, toB);
    const next = node.start("--standalone", "--nodes-file", node.nodesFile);
    await next.waitUntilReady();
    assert.equal(await dumpNodeState(), before);
  });
}

test("ADD, CHECK and DEL do not mind links that come and go: no list of links is taken while it changes", async () => {
  const churn = await privileged({
    command: [
      "sh",
      "-c",
      "echo ready; while :; do ip link add churn type bridge; ip link set churn up; ip link del churn; done",
    ],
    background: true,
  });
  try {
    for (let round = 0; round < 15; round++) {
      await Promise.all(
        pods.map(async (pod, index) => {
          const call = { containerId: `churn-${index}-${round}`, netns: pod.path };
          const added = await node.call("ADD", call);
          assert.equal(added.exitCode, 0, added.stdout);
          const config = { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: node.socket };
          const prevResult: unknown = JSON.parse(added.stdout);
          const stdin = JSON.stringify({ ...config, prevResult });
          const checked = await node.call("CHECK", { ...call, stdin });
          assert.equal(checked.exitCode, 0, checked.stdout);
          await node.del(call.containerId, pod.path);
        }),
      );
    }
  } finally {
    await endPrivileged(churn.pid);
  }
});

/**
 * What `ip monitor link` tells while something is done: all of it, since it is known to listen before that,
 * and to have come to what is after it.
 */
async function monitorLinks(work: () => Promise<void>): Promise<string> {
  const path = `${node.folder}/monitor`;
  const command = ["sh", "-c", `: >${path}; echo started; exec ip -o monitor link >>${path}`];
  const { pid } = await privileged({ command, background: true });
  let seen = "";
  const awaitLink = (name: string): Promise<void> =>
    eventually(`the monitor tells of ${name}`, async () => {
      await runOnHost("ip", "link", "add", name, "type", "bridge");
      await runOnHost("ip", "link", "del", name);
      seen = await runOnHost("cat", path);
      return seen.includes(` ${name}:`);
    });
  try {
    await awaitLink("before");
    await work();
    await awaitLink("after");
    return seen;
  } finally {
    await endPrivileged(pid);
  }
}

test("both ends of a pod's link have their names from the start: none is left to the kernel, whatever names are in use", async () => {
  await runOnHost("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
  const seen = await monitorLinks(async () => {
    const given = await Promise.all(pods.map((pod, index) => node.add(`c${index}`, pod)));
    assert.equal(new Set(given.flat()).size, 4);
  });
  for (const containerId of ["c0", "c1"]) assert.match(seen, new RegExp(hostLinkName(containerId, "eth0")));
  assert.doesNotMatch(seen, /\bveth\d/);
  await runOnHost("ip", "link", "del", "veth0");
});
