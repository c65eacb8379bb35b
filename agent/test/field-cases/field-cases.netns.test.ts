/** Cases from the field that no other test covers; docs/field-cases.md lists all of them with their tests. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { querySocket } from "../../report/query.ts";
import { shippedFile } from "../../lib/shipped.ts";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { startApiServer } from "../../testing/kube/api-server.ts";
import { programHeaderTypes, PT_DYNAMIC, PT_INTERP, PT_LOAD } from "../../testing/machine/elf.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { privileged } from "../../testing/runner/privileged.ts";

const TAKEN = 'causeway_addresses{cidr="10.244.1.0/24",family="4",state="taken"}';

let node: TestNode;
let pods: Netns[] = [];

beforeEach(() => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24");
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  pods = [];
  await node.remove();
});

async function makePod(): Promise<Netns> {
  const pod = await makeNetns();
  pods.push(pod);
  return pod;
}

function startAgent(): AgentProcess {
  return node.start("--standalone", "--nodes-file", node.nodesFile);
}

async function readyAgent(): Promise<AgentProcess> {
  const agent = startAgent();
  await agent.waitUntilReady();
  return agent;
}

/**
 * Runs a script as root in a mount namespace of its own, in the node's folder; it calls the shim for an ADD,
 * with its configuration on stdin.
 */
async function addIn(script: string, netns: string): Promise<unknown> {
  const { exitCode, stdout, stderr } = await privileged({
    command: ["unshare", "-m", "sh", "-ec", `cd ${node.folder}; ${script}`],
    environment: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "eth0" },
    stdin: JSON.stringify({ cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: node.socket }),
  });
  assert.equal(exitCode, 0, stderr + stdout);
  return (JSON.parse(stdout) as { ips: readonly { address: string }[] }).ips[0]?.address;
}

test("the shim is static: no program interpreter, no dynamic section, so no C library of the node", () => {
  const types = programHeaderTypes(readFileSync(shippedFile("bin/causeway")));
  assert.ok(types.includes(PT_LOAD), "the headers are read");
  assert.ok(!types.includes(PT_INTERP));
  assert.ok(!types.includes(PT_DYNAMIC));
  // The same reader finds both in a program that is not static.
  const dynamic = programHeaderTypes(readFileSync(process.execPath));
  assert.ok(dynamic.includes(PT_INTERP) && dynamic.includes(PT_DYNAMIC));
});

test("the shim adds a pod in a root file system without any C library, file or folder but its own", async () => {
  await readyAgent();
  const pod = await makePod();
  // The socket has the same path inside and outside of the new root.
  const script = `
    mkdir -p root/proc root/bin root${dirname(node.socket)}
    mount --rbind /proc root/proc
    mount --bind ${dirname(node.socket)} root${dirname(node.socket)}
    cp bin/causeway root/bin/
    exec chroot root /bin/causeway`;
  assert.equal(await addIn(script, pod.path), "10.244.1.2/32");
});

test("a namespace that only the runtime's mounts show, made after the agent started, is served", async () => {
  const agent = await readyAgent();
  const pod = await makePod();
  const file = join(node.folder, "netns");
  const script = `: >netns; mount --bind ${pod.path} netns; exec bin/causeway`;
  assert.equal(await addIn(script, file), "10.244.1.2/32");
  assert.equal(readFileSync(file, "utf8"), "", "the mount is not the agent's to see");
  await node.del("c1", file);
  assert.equal(await agent.metric("causeway_attachments"), 0);
});

test("a plugin folder that is read-only and has our files is left as it is; one without is named by /readyz", async () => {
  const shim = shippedFile("bin/causeway").pathname;
  chmodSync(node.cniBinDir, 0o555);
  const agent = startAgent();
  const fault = `Cannot write "${node.cniBinDir}/causeway": EACCES`;
  await eventually("readiness names the path", async () =>
    (await agent.get("/readyz"))?.text.includes(fault),
  );
  assert.deepEqual(readdirSync(node.cniConfDir), []);
  chmodSync(node.cniBinDir, 0o755);
  for (const name of ["causeway", "loopback"]) copyFileSync(shim, join(node.cniBinDir, name));
  chmodSync(node.cniBinDir, 0o555);
  await agent.waitUntilReady();
  assert.deepEqual(readdirSync(node.cniConfDir), ["10-causeway.conflist"]);
  chmodSync(node.cniBinDir, 0o755);
});

test("a stale socket file, and a socket folder that was removed, are no hindrance for the next agent", async () => {
  const folder = dirname(node.socket);
  await (await readyAgent()).end("SIGKILL");
  const sockets = [node.socket, querySocket(node.socket)].map((path) => basename(path));
  assert.deepEqual(readdirSync(folder).toSorted(), sockets);
  await (await readyAgent()).end("SIGKILL");
  rmSync(folder, { recursive: true });
  const adding = node.add("c1", await makePod());
  await readyAgent();
  assert.deepEqual(await adding, ["10.244.1.2"]);
});

test("pods leave nothing on disk: no file beside the installed ones, none open for writing", async () => {
  const agent = await readyAgent();
  const files = (): string[] => readdirSync(node.folder, { recursive: true, encoding: "utf8" }).toSorted();
  const before = files();
  for (const containerId of ["c1", "c2", "c3"]) await node.add(containerId, await makePod());
  assert.deepEqual(files(), before);
  // The mode of such a link tells how the file was opened; the nodes file may be open for reading just now.
  const forWriting = ["find", `/proc/${agent.pid}/fd`, "-perm", "-0200", "-printf", "%l\\n"];
  const { stdout } = await privileged({ command: forWriting });
  assert.match(stdout, /socket:/, "the descriptors are read");
  const regular = stdout
    .split("\n")
    .filter((target) => target.startsWith("/") && !target.startsWith("/dev/"));
  assert.deepEqual(regular, []);
});

test("after a reboot the same containers are deleted without a namespace and added again, and nothing is taken", async () => {
  const first = await readyAgent();
  const before = [await makePod(), await makePod()];
  for (const [index, pod] of before.entries()) await node.add(`c${index}`, pod);
  await first.end("SIGKILL");
  // What a reboot leaves: the files, and nothing in the kernel.
  for (const pod of before) await pod.remove();
  await runOnHost(
    "sh",
    "-c",
    "ip link del cw0; nft delete table inet causeway; nft delete table bridge causeway",
  );
  const { exitCode } = await node.call("DEL", { containerId: "c0", netns: before[0]?.path ?? "" });
  assert.equal(exitCode, 0, "not even an agent is needed");
  const second = await readyAgent();
  assert.equal(await second.metric(TAKEN), 0);
  await node.del("c1");
  const again = [await makePod(), await makePod()];
  const given = await Promise.all(again.map((pod, index) => node.add(`c${index}`, pod)));
  assert.deepEqual(given.flat().toSorted(), ["10.244.1.2", "10.244.1.3"]);
});

for (const { name, netns } of [
  { name: "empty", netns: "" },
  { name: "vanished", netns: "/var/run/netns/cni-vanished" },
  { name: "no namespace", netns: "/" },
]) {
  test(`DEL with a CNI_NETNS that is ${name} succeeds and frees the address, of a pod that lives or not`, async () => {
    const agent = await readyAgent();
    const [alive, dead] = [await makePod(), await makePod()];
    await node.add("alive", alive);
    await node.add("dead", dead);
    await dead.remove();
    for (const containerId of ["alive", "dead", "unknown"]) await node.del(containerId, netns);
    assert.equal(await agent.metric(TAKEN), 0);
    assert.equal(await runOnHost("ip", "-o", "link", "show", "group", "25463", "type", "veth"), "");
  });
}

/** The shim's own limit, and what a busy machine takes to start the processes of the test. */
const DEL_LIMIT_MS = 1500 + 500;

for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  test(`8 DELs at once take at most 1.5 s each after a ${signal} of the agent, and leave no link`, async () => {
    const agent = await readyAgent();
    const ids = Array.from({ length: 8 }, (_, index) => `c${index}`);
    for (const containerId of ids) await node.add(containerId, await makePod());
    if (signal === "SIGKILL") await agent.end(signal);
    else agent.child.kill(signal);
    const startMs = performance.now();
    await Promise.all(ids.map((containerId, index) => node.del(containerId, pods[index]?.path)));
    const elapsedMs = performance.now() - startMs;
    assert.ok(elapsedMs < DEL_LIMIT_MS, `${elapsedMs} ms`);
    assert.equal(await runOnHost("ip", "-o", "link", "show", "group", "25463", "type", "veth"), "");
    if (signal === "SIGSTOP") agent.child.kill("SIGCONT");
    const next = signal === "SIGSTOP" ? agent : await readyAgent();
    await eventually("all addresses are free", async () => (await next.metric(TAKEN)) === 0, next.log);
  });
}

test("ADD and DEL need no Kubernetes credentials: they work while the API server refuses the agent's token", async () => {
  const api = await startApiServer();
  try {
    api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs: ["10.244.1.0/24"] });
    const kubeconfig = join(node.folder, "kubeconfig");
    writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
    const agent = node.start("--kubeconfig", kubeconfig);
    await agent.waitUntilReady();
    api.requireToken("another");
    api.endWatches("cut");
    const isRefused = (): boolean => /401|Unauthorized/.test(agent.log());
    await eventually("the agent is refused", isRefused, agent.log);
    assert.deepEqual(await node.add("c1", await makePod()), ["10.244.1.2"]);
    await node.del("c1");
    assert.equal(await agent.metric(TAKEN), 0);
    const conflist = readFileSync(join(node.cniConfDir, "10-causeway.conflist"), "utf8");
    assert.doesNotMatch(conflist, /kubeconfig|token|secret|https?:/i);
    assert.deepEqual(readdirSync(node.cniConfDir), ["10-causeway.conflist"]);
  } finally {
    await api.close();
  }
});

test("addresses freed before a kill -9 rest after it: new pods get those behind the highest that is in use", async () => {
  const first = await readyAgent();
  for (const containerId of ["c1", "c2", "c3"]) await node.add(containerId, await makePod());
  for (const containerId of ["c1", "c2"]) await node.del(containerId);
  await first.end("SIGKILL");
  await readyAgent();
  assert.deepEqual(await node.add("c4", await makePod()), ["10.244.1.5"]);
});
