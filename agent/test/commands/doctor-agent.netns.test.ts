/**
 * `causeway doctor` beside a running agent, the API server, and what only the whole machine has: each broken,
 * judged, and put right as printed.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, test } from "node:test";
import type { CommandResult } from "../../settings/command-line.ts";
import { type AgentProcess, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { makeNetns, runOnHost, host } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";
import {
  type FindingsReport,
  findingsOf,
  runCauseway,
  runShipped,
} from "../../testing/agent/run-causeway.ts";

let lab: Neighbourhood;
let node: TestNode;
let agent: AgentProcess;
let pids: number[];

beforeEach(async () => {
  lab = await makeNeighbourhood();
  ({ node } = lab);
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  pids = [];
});

afterEach(async () => {
  for (const pid of pids) await endPrivileged(pid);
  await lab.remove();
});

function runDoctor(flags: readonly string[] = []): Promise<CommandResult> {
  return runCauseway(["doctor", "--socket", node.socket, "--node-name", NODE_NAME, ...flags]);
}

async function doctor(flags: readonly string[] = []): Promise<FindingsReport> {
  const { stdout, stderr } = await runDoctor(["--json", ...flags]);
  assert.equal(stderr, "");
  return JSON.parse(stdout) as FindingsReport;
}

/** A file's content, mode and time, by path. */
function fileState(...paths: readonly string[]): string {
  return JSON.stringify(
    paths.map((path) => [path, readFileSync(path, "hex"), statSync(path).mode, statSync(path).mtimeMs]),
  );
}

test("a node on which all is well has no warning, and is as it was before; the agent says nothing about it", async () => {
  await host("sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
  const pod = await makeNetns();
  try {
    await node.add("c1", pod);
    const files = [join(node.cniBinDir, "causeway"), join(node.cniConfDir, "10-causeway.conflist")];
    const before = { state: await dumpNodeState(), files: fileState(...files), sysctls: await sysctls() };
    const log = agent.log();
    const report = await doctor();
    assert.deepEqual(
      report.findings.filter(({ verdict }) => verdict !== "ok").map(({ name }) => name),
      ["API server"],
      JSON.stringify(report.findings),
    );
    // But for what the probes have asked of the neighbours.
    await host("ip neighbour flush dev up0");
    assert.deepEqual(
      { files: fileState(...files), sysctls: await sysctls() },
      { files: before.files, sysctls: before.sysctls },
    );
    await assertNodeState(before.state);
    assert.equal(agent.log(), log);
    const { exitCode, stdout } = await runShipped([
      "doctor",
      "--socket",
      node.socket,
      "--node-name",
      NODE_NAME,
    ]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^ok {4}agent {12}version 0\.1\.0, ready$/m);
    assert.ok(!stdout.includes("\u001b"), "no colours where no terminal is");
  } finally {
    await pod.remove();
  }
});

/** Values of all sysctls that the agent or an operator may set. */
function sysctls(): Promise<string> {
  return host(
    "sysctl -a 2>/dev/null | grep -E '^net\\.(ipv4|ipv6|bridge)\\.' | grep -vE 'fib_info|stable_secret' | sort",
  );
}

test("the terminal gets colours, and the exit code tells how grave it is", async () => {
  const flags = ["doctor", "--socket", node.socket];
  const program = [
    process.execPath,
    new URL("../../../dist/causeway.mjs", import.meta.url).pathname,
    ...flags,
  ];
  const { stdout } = await privileged({ command: ["script", "-qec", program.join(" "), "/dev/null"] });
  assert.ok(stdout.includes("\u001b[32mok"), stdout);
  await host("sysctl -qw net.ipv6.conf.up0.accept_ra=1");
  assert.equal((await runDoctor()).exitCode, 3);
  writeFileSync(join(node.cniConfDir, "05-other.conflist"), "{}");
  assert.equal((await runDoctor()).exitCode, 4);
  assert.equal((await runDoctor(["--nonsense"])).exitCode, 2);
});

test("an agent that is not ready says why", async () => {
  node.writeNodes();
  await agent.end("SIGTERM");
  await host("ip link del cw0; ip route flush proto 99");
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await eventually("the agent answers", async () => (await agent.get("/readyz"))?.status === 503);
  const found = findingsOf(await doctor(), "agent");
  assert.ok(found.every(({ verdict }) => verdict === "fail"));
  assert.match(found[0]?.evidence ?? "", /^not ready: pod CIDRs: /);
});

for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  test(`an agent that was ended by ${signal} is started anew by the remedy`, async () => {
    if (signal === "SIGKILL") await agent.end(signal);
    else process.kill(agent.pid, signal);
    const report = await doctor();
    const [found] = findingsOf(report, "agent");
    assert.equal(found?.verdict, "fail");
    assert.match(found.evidence, signal === "SIGKILL" ? /nothing listens/ : /not answered/);
    const remedy = `kubectl delete pod --all-namespaces --selector app.kubernetes.io/name=causeway --field-selector spec.nodeName=${NODE_NAME}`;
    assert.equal(found.remedy, remedy);
    // What a cluster does on that command: the DaemonSet makes another pod.
    const bin = join(node.folder, "fake-bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "kubectl"), `#!/bin/sh\necho "$*" > ${node.folder}/asked\n`);
    chmodSync(join(bin, "kubectl"), 0o755);
    await host(`PATH=${bin}:$PATH; ${found.remedy}`);
    assert.equal(`kubectl ${readFileSync(join(node.folder, "asked"), "utf8").trim()}`, remedy);
    await agent.end("SIGKILL");
    agent = node.start("--standalone", "--nodes-file", node.nodesFile);
    await agent.waitUntilReady();
    assert.equal(findingsOf(await doctor(), "agent")[0]?.verdict, "ok");
  });
}

test("a node to which the agent finds no way is named", async () => {
  await agent.end("SIGTERM");
  agent = node.start("--standalone", "--nodes-file", node.nodesFile, "--overlay", "never");
  await agent.waitUntilReady();
  const [found] = findingsOf(await doctor(), "other nodes");
  assert.equal(found?.verdict, "warn");
  assert.match(
    found.evidence,
    /^node far cannot be reached: its address 203\.0\.113\.7 is not on a segment of this node, but behind gateway 192\.0\.2\.1, and the overlay is off$/,
  );
  const { stdout } = await runCauseway(["trace", "--socket", node.socket, "10.244.1.2", "10.244.3.9"]);
  assert.match(stdout, /no pod on this node has it\nbroken at: pod\n$/);
  const pod = await makeNetns();
  try {
    const [address = ""] = await node.add("c1", pod);
    const answer = await runCauseway(["trace", "--socket", node.socket, address, "10.244.3.9"]);
    assert.equal(answer.exitCode, 4);
    assert.match(
      answer.stdout,
      /^FAIL {2}route +10\.244\.3\.9 belongs to node far \(10\.244\.3\.0\/24\), which cannot be reached: its address 203\.0\.113\.7 is not on a segment/m,
    );
    assert.match(answer.stdout, /\nbroken at: route\n$/);
  } finally {
    await pod.remove();
  }
});

test("an API server behind a route that leads nowhere is reached again after the remedy", async () => {
  const url = "http://198.51.100.7:6443";
  await lab.outside.run("ip", "address", "add", "198.51.100.7/32", "dev", "lo");
  const server = `require("http").createServer((q, a) => a.setHeader("content-type", "application/json").end('{"gitVersion":"v1.36.1"}')).listen(6443, "198.51.100.7", () => console.log("up"))`;
  const { pid } = await privileged({
    command: [process.execPath, "-e", server],
    netns: lab.outside.path,
    background: true,
  });
  pids.push(pid);
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: url, user: { token: "secret" } });
  const flags = ["--kubeconfig", kubeconfig];
  const [before] = findingsOf(await doctor(flags), "API server");
  assert.match(
    `${before?.verdict} ${before?.evidence}`,
    /^ok http:\/\/198\.51\.100\.7:6443 \(v1\.36\.1\) answered within \d+ ms$/,
  );
  await host("ip route add unreachable 198.51.100.0/24");
  const [found] = findingsOf(await doctor(flags), "API server");
  assert.equal(found?.verdict, "fail");
  assert.match(
    found.evidence,
    /^http:\/\/198\.51\.100\.7:6443 does not serve this node: .*; the route unreachable 198\.51\.100\.0\/24 makes it unreachable$/,
  );
  assert.equal(found.remedy, "ip route delete unreachable 198.51.100.0/24");
  await host(found.remedy);
  assert.equal(findingsOf(await doctor(flags), "API server")[0]?.verdict, "ok");
  await endPrivileged(pid);
  const [down] = findingsOf(await doctor(flags), "API server");
  assert.equal(down?.verdict, "fail");
  assert.match(down.evidence, /does not serve this node: .*ECONNREFUSED/);
  assert.equal(down.remedy, `curl --insecure --verbose --max-time 5 ${url}/readyz`);
});

for (const { name, handler, evidence, remedy } of [
  {
    name: "refuses the credentials",
    handler: (_: IncomingMessage, answer: ServerResponse) => answer.writeHead(401).end(),
    evidence: /does not serve this node: 401 Unauthorized/,
  },
  {
    name: "does not allow what the agent must do",
    handler: ({ url }: IncomingMessage, answer: ServerResponse) => {
      answer.setHeader("content-type", "application/json");
      if (url === "/version") return answer.end('{"gitVersion":"v1.36.1"}');
      const message =
        'nodes is forbidden: User "system:serviceaccount:a:b" cannot list resource "nodes" in API group "" at the cluster scope';
      return answer
        .writeHead(403)
        .end(JSON.stringify({ kind: "Status", code: 403, reason: "Forbidden", message }));
    },
    evidence: /does not serve this node: 403 .*cannot list resource "nodes"/,
    remedy: "kubectl auth can-i list nodes --as system:serviceaccount:a:b",
  },
  {
    name: "never answers",
    handler: () => undefined,
    evidence: /does not serve this node: .*(abort|timeout)/i,
  },
]) {
  test(`an API server that ${name} is named`, async () => {
    const server = createServer(handler).listen(0, "127.0.0.1");
    try {
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const kubeconfig = join(node.folder, "kubeconfig");
      writeKubeconfig({ path: kubeconfig, server: `http://127.0.0.1:${port}`, user: { token: "wrong" } });
      const [found] = findingsOf(await doctor(["--kubeconfig", kubeconfig]), "API server");
      assert.equal(found?.verdict, "fail");
      assert.match(found.evidence, evidence);
      if (remedy !== undefined) assert.equal(found.remedy, remedy);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

/**
 * A mount namespace in which files of /proc are others, as a machine would have them that cannot be had here.
 */
async function machineWith(files: Readonly<Record<string, string | Buffer>>): Promise<readonly string[]> {
  const folder = join(node.folder, "machine");
  mkdirSync(folder, { recursive: true });
  const mounts = Object.entries(files).map(([path, content], index) => {
    const file = join(folder, String(index));
    writeFileSync(file, content);
    return `mount --bind ${file} ${path}`;
  });
  const { pid } = await privileged({
    command: ["unshare", "--mount", "sh", "-ec", `${mounts.join("; ")}; echo ready; exec sleep 1000000`],
    background: true,
  });
  pids.push(pid);
  return ["nsenter", `--mount=/proc/${pid}/ns/mnt`];
}

async function doctorInside(inside: readonly string[]): Promise<FindingsReport> {
  const program = new URL("../../../dist/causeway.mjs", import.meta.url).pathname;
  const command = [...inside, process.execPath, program, "doctor", "--json", "--socket", node.socket];
  return JSON.parse((await privileged({ command })).stdout) as FindingsReport;
}

for (const { count, verdict } of [
  { count: 800, verdict: "warn" },
  { count: 990, verdict: "fail" },
]) {
  test(`a connection table with ${count} of 1000 is a ${verdict}`, async () => {
    const inside = await machineWith({
      "/proc/sys/net/netfilter/nf_conntrack_count": `${count}\n`,
      "/proc/sys/net/netfilter/nf_conntrack_max": "1000\n",
    });
    const [found] = findingsOf(await doctorInside(inside), "conntrack");
    assert.equal(found?.verdict, verdict);
    assert.match(
      found.evidence,
      new RegExp(`^${count} of 1000 connections are tracked \\(${count / 10} %\\)`),
    );
    assert.equal(found.remedy, "sysctl -w net.netfilter.nf_conntrack_max=2000");
    await runOnHost(...inside, "sh", "-ec", found.remedy);
    assert.equal(findingsOf(await doctorInside(inside), "conntrack")[0]?.verdict, "ok");
  });
}

test("a kernel that lacks something is told by its configuration", async () => {
  const config = gunzipSync(readFileSync("/proc/config.gz")).toString("utf8");
  const lacking = config.replace("CONFIG_NF_TABLES_BRIDGE=y", "").replace("CONFIG_VXLAN=y", "");
  const inside = await machineWith({ "/proc/config.gz": gzipSync(lacking) });
  assert.deepEqual(
    findingsOf(await doctorInside(inside), "kernel").map(
      ({ verdict, evidence }) => `${verdict} ${evidence.replace(/Linux \S+/, "Linux")}`,
    ),
    [
      "fail Linux was built without CONFIG_NF_TABLES_BRIDGE, which is needed for the bridge guard",
      "warn Linux was built without CONFIG_VXLAN, which is needed for nodes on other subnets",
    ],
  );
});
