/**
 * Host ports on the real kernel, through the real agent and shim: every way to a port, and every way to lose
 * one.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { callWhileStopped } from "../../testing/agent/call-while-stopped.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { callOnHost, makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";
import { createProgramHost } from "../../testing/programs/program-host.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";

let node: TestNode;
let agent: AgentProcess;
/** Another machine: 192.0.2.1 and 2001:db8::1 on the node's segment. */
let outside: Netns;
let pods: Netns[];
let servers: (() => Promise<unknown>)[];
let before: string;

const HOST4 = "192.0.2.10";
const HOST6 = "2001:db8::10";

interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol?: string;
  readonly hostIP?: string;
}

beforeEach(async () => {
  node = makeNode();
  outside = await makeNetns();
  await host(`ip link add up0 type veth peer name up1 netns ${outside.pid}; ip link set up0 addrgenmode none
    ip address add ${HOST4}/24 dev up0; ip address add 192.0.2.11/24 dev up0; ip -6 address add ${HOST6}/64 dev up0 nodad
    ip link set up0 up; ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8::1`);
  await outside.run(
    "sh",
    "-ec",
    `ip link set lo up; ip link set up1 addrgenmode none; ip address add 192.0.2.1/24 dev up1; ip -6 address add 2001:db8::1/64 dev up1 nodad
    ip address add 198.51.100.1/32 dev lo; ip link set up1 up`,
  );
  servers = [];
  pods = [];
  before = "";
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  agent = await startAgent();
});

afterEach(async () => {
  for (const end of servers) await end();
  for (const pod of pods) await pod.remove();
  await eventually("the pods' links are gone", async () => {
    return !/^cw[a-z2-7]{13}/m.test(await runOnHost("ip", "-brief", "link"));
  });
  await node.remove();
  await outside.remove();
  await runOnHost("sh", "-c", "ip link del up0; true");
});

async function startAgent(): Promise<AgentProcess> {
  const started = node.start("--standalone", "--nodes-file", node.nodesFile);
  await started.waitUntilReady();
  return started;
}

function stdinFor(portMappings: readonly PortMapping[]): string {
  const runtimeConfig = { portMappings };
  return JSON.stringify({
    cniVersion: "1.1.0",
    name: "causeway",
    type: "causeway",
    socket: node.socket,
    runtimeConfig,
  });
}

async function call(command: string, containerId: string, pod: Netns, mappings: readonly PortMapping[]) {
  return node.call(command, { containerId, netns: pod.path, version: "1.1.0", stdin: stdinFor(mappings) });
}

/** A pod that answers with its name on port 80. */
async function addPod(containerId: string, ...mappings: readonly PortMapping[]): Promise<Netns> {
  const pod = await makeNetns();
  pods.push(pod);
  const { exitCode, stdout } = await call("ADD", containerId, pod, mappings);
  assert.equal(exitCode, 0, stdout);
  await serve(pod, containerId, 80);
  return pod;
}

/** In a namespace, or on the node itself. */
async function serve(where: Netns | undefined, name: string, port: number): Promise<void> {
  const program = new URL("../../testing/machine/serve-port.ts", import.meta.url);
  const programs = createProgramHost();
  if (where === undefined) servers.push(programs.end);
  const run = where === undefined ? programs.run : where.call;
  await run(program, name, String(port));
}

/** What answers; asked from a namespace, or from the node itself. */
async function ask(from: Netns | undefined, ...targets: readonly string[]): Promise<string[]> {
  const program = new URL("../../testing/machine/ask-ports.ts", import.meta.url);
  const run = from === undefined ? callOnHost : from.call;
  return (await run(program, ...targets)).split("\n");
}

const BOTH = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" },
  { hostPort: 8080, containerPort: 80, protocol: "udp" },
] as const;

const targets = (address: string, port = 8080): string[] => [
  `tcp,${address},${port}`,
  `udp,${address},${port}`,
];

test("a host port leads to the pod from outside, from pods, from the node, through 127.0.0.1 and from the pod itself", async () => {
  const web = await addPod("web", ...BOTH);
  const other = await addPod("other");
  const all = [...targets(HOST4), ...targets(HOST6)];
  const sources = (v4: string, v6: string): string[] => [v4, v4, v6, v6].map((source) => `web ${source}`);
  // The source is kept: what stands behind a port must know who asks.
  assert.deepEqual(await ask(outside, ...all), sources("192.0.2.1", "2001:db8::1"));
  assert.deepEqual(await ask(other, ...all), sources("10.244.1.3", "fd00:1::3"));
  assert.deepEqual(await ask(web, ...all), sources("10.244.1.1", "fd00:1::1"));
  assert.deepEqual(await ask(undefined, ...all), sources(HOST4, HOST6));
  assert.deepEqual(await ask(undefined, ...targets("127.0.0.1")), ["web 10.244.1.1", "web 10.244.1.1"]);
});

test("a pod cannot reach what listens on 127.0.0.1 of the node, though a host port needs route_localnet (CVE-2020-8558)", async () => {
  const attacker = await addPod("attacker", ...BOTH);
  assert.equal(await runOnHost("sysctl", "-n", "net.ipv4.conf.cw0.route_localnet"), "1\n");
  await serve(undefined, "secret", 9999);
  assert.deepEqual(await ask(undefined, "tcp,127.0.0.1,9999"), ["secret 127.0.0.1"]);
  await attacker.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
  await attacker.run(
    "sh",
    "-c",
    "ip route del local 127.0.0.0/8 dev lo table local; ip route del local 127.0.0.1 dev lo table local; ip route add 127.0.0.1 via 10.244.1.1 src 10.244.1.2; true",
  );
  assert.deepEqual(await ask(attacker, "tcp,127.0.0.1,9999", "udp,127.0.0.1,9999"), ["nobody", "nobody"]);
});

test("a port of all addresses leaves the node's [::1] to a program of the node (containers/podman#12690, plugins#763)", async () => {
  await addPod("web", { hostPort: 8080, containerPort: 80 });
  const daemon = `require("net").createServer((s) => s.end("daemon")).listen(8080, "::1", () => console.log("ready"))`;
  const { pid } = await privileged({ command: [process.execPath, "-e", daemon], background: true });
  servers.push(() => endPrivileged(pid));
  assert.deepEqual(await ask(undefined, "tcp,::1,8080"), ["daemon"]);
  assert.deepEqual(await ask(undefined, "tcp,127.0.0.1,8080"), ["web 10.244.1.1"]);
});

test("the same port of another machine is left alone, for pods and for the node (CVE-2025-67499)", async () => {
  const web = await addPod("web", ...BOTH);
  const other = await addPod("other");
  await serve(outside, "remote", 8080);
  const remote = [...targets("192.0.2.1"), "tcp,198.51.100.1,8080", ...targets("2001:db8::1")];
  for (const from of [web, other, undefined]) {
    const answers = await ask(from, ...remote);
    assert.deepEqual(
      answers.map((answer) => answer.split(" ")[0]),
      remote.map(() => "remote"),
    );
  }
});

test("a port of one address is that of no other, and another pod may have it there", async () => {
  await addPod("first", { hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: HOST4 });
  await addPod("second", { hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "192.0.2.11" });
  await addPod("local", { hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "127.0.0.1" });
  await addPod("six", { hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "::" });
  const asked = [`tcp,${HOST4},8080`, "tcp,192.0.2.11,8080", `tcp,${HOST6},8080`, `udp,${HOST4},8080`];
  assert.deepEqual(await ask(outside, ...asked), [
    "first 192.0.2.1",
    "second 192.0.2.1",
    "six 2001:db8::1",
    "nobody",
  ]);
  assert.deepEqual(await ask(undefined, "tcp,127.0.0.1,8080"), ["local 10.244.1.1"]);
});

test("a port that another attachment has is refused before anything is made", async () => {
  await addPod("web", ...BOTH);
  before = await dumpNodeState();
  const pod = await makeNetns();
  pods.push(pod);
  for (const hostIP of ["", "0.0.0.0", HOST4, HOST6]) {
    const mapping = { hostPort: 8080, containerPort: 81, protocol: "udp", hostIP };
    const { exitCode, stdout } = await call("ADD", "late", pod, [mapping]);
    assert.equal(exitCode, 1);
    const { code, msg } = JSON.parse(stdout) as { code: number; msg: string };
    assert.deepEqual(
      { code, msg },
      { code: 11, msg: 'Cannot reserve host port udp *:8080: it is in use by container "web"' },
    );
  }
  assert.equal(await dumpNodeState(), before);
  await node.del("web");
  const { exitCode, stdout } = await call("ADD", "late", pod, BOTH);
  assert.equal(exitCode, 0, stdout);
});

test("a host port that would hide a program of the node is refused by name, and one beside it is not", async () => {
  await serve(undefined, "kubelet", 10_250);
  const http = Number(/"http":(\d+)/.exec(agent.log())?.[1]);
  const pod = await makeNetns();
  pods.push(pod);
  before = await dumpNodeState();
  for (const { hostPort, protocol, hostIP = "" } of [
    { hostPort: 10_250, protocol: "tcp" },
    { hostPort: 10_250, protocol: "udp" },
    { hostPort: 10_250, protocol: "tcp", hostIP: HOST4 },
    { hostPort: 10_250, protocol: "udp", hostIP: HOST6 },
    { hostPort: http, protocol: "tcp" },
    { hostPort: http, protocol: "tcp", hostIP: "127.0.0.1" },
  ]) {
    const { exitCode, stdout } = await call("ADD", "hides", pod, [
      { hostPort, containerPort: 80, protocol, hostIP },
    ]);
    assert.equal(exitCode, 1, `${protocol} ${hostIP}:${hostPort}`);
    const { code, msg } = JSON.parse(stdout) as { code: number; msg: string };
    assert.equal(code, 7);
    assert.match(msg, new RegExp(`a process on the node already listens on ${protocol} \\S+:${hostPort}$`));
  }
  assert.equal(await dumpNodeState(), before);
  await addPod("beside", { hostPort: http, containerPort: 80, protocol: "tcp", hostIP: HOST4 });
});

test("a port of an IPv6 address for a pod without one is refused with the reason", async () => {
  await agent.end("SIGTERM");
  node.writeNodes("10.244.1.0/24");
  agent = await startAgent();
  const pod = await makeNetns();
  pods.push(pod);
  before = await dumpNodeState();
  const { stdout } = await call("ADD", "web", pod, [{ hostPort: 8080, containerPort: 80, hostIP: HOST6 }]);
  assert.deepEqual(
    (JSON.parse(stdout) as { msg: string }).msg,
    `Cannot map host port tcp [${HOST6}]:8080: the pod has no IPv6 address`,
  );
  assert.equal(await dumpNodeState(), before);
});

test("DEL leaves nothing of a host port, with the agent, without it, and when the namespace died first", async () => {
  before = await dumpNodeState();
  await addPod("web", ...BOTH);
  await node.del("web");
  await eventually("route_localnet is off again", async () => {
    return (await runOnHost("sysctl", "-n", "net.ipv4.conf.cw0.route_localnet")) === "0\n";
  });
  await assertNodeState(before);
  const died = await addPod("died", ...BOTH);
  await died.remove();
  await assertNodeState(before);
  await addPod("deserted", ...BOTH);
  await agent.end("SIGKILL");
  await node.del("deserted");
  agent = await startAgent();
  await assertNodeState(before);
  assert.deepEqual(await ask(outside, ...targets(HOST4)), ["nobody", "nobody"]);
});

for (const { name, damage } of [
  { name: "nft flush ruleset", damage: "nft flush ruleset" },
  { name: "a deleted table, as firewalld does", damage: "nft delete table inet causeway" },
  { name: "flushed maps", damage: "nft flush map inet causeway ports4; nft flush map inet causeway ports6" },
]) {
  test(`host ports survive ${name} with the agent there and with it away (firewalld/firewalld#779)`, async () => {
    await addPod("web", ...BOTH);
    const asked = [...targets(HOST4), ...targets(HOST6)];
    const isServed = async (): Promise<boolean> =>
      (await ask(outside, ...asked)).every((answer) => answer.startsWith("web "));
    assert.ok(await isServed());
    await host(damage);
    await eventually("the agent puts the ports back", isServed);
    await agent.end("SIGKILL");
    await host(damage);
    assert.ok(!(await isServed()));
    agent = await startAgent();
    assert.ok(await isServed());
    await node.del("web");
    assert.deepEqual(await ask(outside, ...asked), ["nobody", "nobody", "nobody", "nobody"]);
  });
}

test("an ADD and a DEL with host ports succeed while somebody flushes the rules", async () => {
  const pod = await makeNetns();
  pods.push(pod);
  for (let round = 0; round < 20; round++) {
    const [added] = await Promise.all([call("ADD", "web", pod, BOTH), runOnHost("nft", "flush", "ruleset")]);
    assert.equal(added.exitCode, 0, added.stdout);
    const [deleted] = await Promise.all([
      call("DEL", "web", pod, BOTH),
      runOnHost("nft", "flush", "ruleset"),
    ]);
    assert.equal(deleted.exitCode, 0, deleted.stdout);
  }
  const maps = async (): Promise<string> =>
    runOnHost("sh", "-c", "nft list map inet causeway ports4; nft list set inet causeway hairpin6");
  await eventually("the maps are there, and empty", async () => {
    const text = await maps().catch(() => "elements");
    return !text.includes("elements");
  });
});

test("UDP that kept sending to a port before there was a pod, and to a pod that is gone, comes to the new pod (kubernetes/kubernetes#102559)", async () => {
  const sending = [`udp,${HOST4},8080,5555`, `udp,${HOST6},8080,5555`];
  const answers = async (): Promise<string> => (await ask(outside, ...sending)).join();
  assert.equal(await answers(), "nobody,nobody");
  await addPod("first", ...BOTH);
  await eventually("the sender comes to the first pod", async () => (await answers()).startsWith("first"));
  await node.del("first");
  await eventually("the connections to the first pod are forgotten", async () => {
    return !(await runOnHost("cat", "/proc/net/nf_conntrack")).includes("10.244.1.2");
  });
  await addPod("second", ...BOTH);
  await eventually("the sender comes to the second pod", async () => (await answers()).startsWith("second"));
});

/**
 * What service proxies do for a service 10.96.0.10:8080 and a NodePort 30080, both of pod 10.244.1.3: at the
 * hooks of kube-proxy.
 */
for (const { name, table } of [
  { name: "nftables", table: "services" },
  // As iptables-nft writes them.
  { name: "iptables", table: "nat" },
]) {
  test(`services and NodePorts of kube-proxy in ${name} mode keep their ports, host ports beside them work (kubernetes/kubernetes#66103)`, async () => {
    const web = await addPod("web", ...BOTH, { hostPort: 30_080, containerPort: 80, protocol: "tcp" });
    await addPod("backend");
    await runOnHost(
      "nft",
      `table ip ${table} {
        chain KUBE-SERVICES {
          ip daddr 10.96.0.10 tcp dport 8080 dnat to 10.244.1.3:80
          fib daddr type local tcp dport 30080 dnat to 10.244.1.3:80
        }
        chain PREROUTING { type nat hook prerouting priority dstnat; jump KUBE-SERVICES; }
        chain OUTPUT { type nat hook output priority -100; jump KUBE-SERVICES; }
      }`,
    );
    const asked = ["tcp,10.96.0.10,8080", `tcp,${HOST4},30080`, `tcp,${HOST4},8080`];
    const names = async (from: Netns | undefined): Promise<string[]> =>
      (await ask(from, ...asked)).map((answer) => answer.split(" ")[0] ?? "");
    for (const from of [web, undefined]) assert.deepEqual(await names(from), ["backend", "backend", "web"]);
    assert.deepEqual((await ask(outside, ...asked)).slice(1), ["backend 192.0.2.1", "web 192.0.2.1"]);
    await runOnHost("nft", "delete", "table", "ip", table);
  });
}

test("a service whose address IPVS has made local keeps its port (kubernetes/kubernetes#131765)", async (context) => {
  const web = await addPod("web", ...BOTH);
  context.after(() => runOnHost("ip", "link", "del", "kube-ipvs0"));
  await host(`ip link add kube-ipvs0 type veth peer name ipvs-peer; ip address add 10.96.0.10/32 dev kube-ipvs0
    ip link set kube-ipvs0 up; ip -6 address add fd00:96::10/128 dev kube-ipvs0 nodad`);
  // In the place of IPVS, which takes packets where the node's own programs get theirs.
  await serve(undefined, "service", 8080);
  const services = ["tcp,10.96.0.10,8080", "tcp,fd00:96::10,8080"];
  await eventually("the service has its port", async () =>
    (await ask(web, ...services)).every((answer) => answer.startsWith("service ")),
  );
  assert.deepEqual(await ask(outside, ...targets(HOST4)), ["web 192.0.2.1", "web 192.0.2.1"]);
});

test("SCTP to a host port comes to the pod", async () => {
  const pod = await addPod("web", { hostPort: 8080, containerPort: 80, protocol: "SCTP" });
  await pod.run(
    "nft",
    "table inet seen { chain input { type filter hook input priority 0; sctp dport 80 counter; }; }",
  );
  const seen = async (): Promise<string | undefined> =>
    /counter packets (\d+)/.exec(await pod.run("nft", "list", "table", "inet", "seen"))?.[1];
  const send = (port: number): Promise<string> =>
    outside.run(
      process.execPath,
      new URL("../../testing/packets/send-sctp.ts", import.meta.url).pathname,
      "192.0.2.1",
      HOST4,
      String(port),
    );
  await send(8081);
  assert.equal(await seen(), "0");
  await send(8080);
  assert.equal(await seen(), "1");
});

test("CHECK finds a host port that has lost its element or its name, and GC takes the rest", async () => {
  const pod = await addPod("web");
  await node.del("web");
  const { stdout } = await call("ADD", "web", pod, BOTH);
  const config = { ...(JSON.parse(stdinFor(BOTH)) as object), prevResult: JSON.parse(stdout) as object };
  const check = async (): Promise<string> =>
    (
      await node.call("CHECK", {
        containerId: "web",
        netns: pod.path,
        stdin: JSON.stringify(config),
      })
    ).stdout;
  assert.equal(await check(), "");
  assert.equal(await agent.metric('causeway_host_ports{protocol="tcp"}'), 1);
  const hostLink = hostLinkName("web", "eth0");
  const name = `${hostLink}.tcp.8080.80`;
  const damage = `ip link property del dev ${hostLink} altname ${name}
    nft delete element inet causeway ports4 "{ udp . 8080 }"`;
  const said = await callWhileStopped({
    node,
    agent,
    damage: () => host(damage),
    call: check,
  });
  const { msg } = JSON.parse(said) as { msg: string };
  assert.match(msg, new RegExp(`has lost its name "${name}"`));
  assert.match(msg, /ports4 lacks 17 \. 8080 comment "\S+ web" : 10\.244\.1\.3 \. 80/);
  const gc = JSON.stringify({ ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] });
  assert.equal((await node.call("GC", { version: "1.1.0", stdin: gc })).exitCode, 0);
  assert.ok(!(await runOnHost("nft", "list", "table", "inet", "causeway")).includes(" web"));
  assert.equal(await agent.metric('causeway_host_ports{protocol="tcp"}'), 0);
});
