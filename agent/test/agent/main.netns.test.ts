import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { assertFewSockets } from "../../testing/process/open-files.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";

let node: TestNode;
let pods: Netns[] = [];

beforeEach(() => {
  node = makeNode();
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

async function readyAgent(...podCIDRs: readonly string[]): Promise<AgentProcess> {
  node.writeNodes(...podCIDRs);
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  return agent;
}

interface CniFailure {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
}

async function failure(answer: ReturnType<TestNode["call"]>): Promise<CniFailure> {
  const { exitCode, stdout } = await answer;
  assert.equal(exitCode, 1, stdout);
  return JSON.parse(stdout) as CniFailure;
}

const TAKEN = 'causeway_addresses{cidr="10.244.1.0/24",family="4",state="taken"}';

test("the agent runs with CAP_NET_ADMIN as its only capability", async () => {
  const agent = await readyAgent("10.244.1.0/24");
  const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
  // CAP_NET_ADMIN is bit 12 of linux/capability.h.
  for (const set of ["CapPrm", "CapEff", "CapBnd"])
    assert.match(status, new RegExp(`^${set}:\\t0000000000001000$`, "m"));
});

test("a pod gets its network, and DEL takes it back without a trace", async () => {
  const agent = await readyAgent("10.244.1.0/24", "fd00:1::/64");
  const pod = await makePod();
  assert.deepEqual(await node.add("c1", pod), ["10.244.1.2", "fd00:1::2"]);
  await pod.run("ping", "-c1", "-w5", "10.244.1.1");
  assert.equal(await agent.metric(TAKEN), 1);
  await node.del("c1", pod.path);
  assert.equal(await agent.metric(TAKEN), 0);
  assert.equal(await agent.metric("causeway_attachments"), 0);
  assert.doesNotMatch(await pod.run("ip", "link"), /eth0/);
});

for (const version of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  test(`ADD answers in the version of the configuration: ${version}`, async () => {
    await readyAgent("10.244.1.0/24");
    const pod = await makePod();
    const { stdout } = await node.call("ADD", { containerId: "c1", netns: pod.path, version });
    assert.equal((JSON.parse(stdout) as CniFailure).cniVersion, version);
  });
}

test("VERSION and STATUS through the shim", async () => {
  await readyAgent("10.244.1.0/24");
  const { stdout } = await node.call("VERSION", {});
  assert.match(stdout, /"supportedVersions":\["0\.1\.0".*"1\.1\.0"\]/);
  assert.deepEqual(
    await node
      .call("STATUS", { version: "1.1.0" })
      .then(({ exitCode, stdout: said }) => ({ exitCode, said })),
    {
      exitCode: 0,
      said: "",
    },
  );
});

test("bad input has its error code, and leaves nothing behind", async () => {
  const agent = await readyAgent("10.244.1.0/30");
  const pod = await makePod();
  const good = { containerId: "c1", netns: pod.path };
  const config = JSON.stringify({
    cniVersion: "1.0.0",
    name: "causeway",
    type: "causeway",
    socket: node.socket,
  });
  const file = join(node.folder, "plain");
  writeFileSync(file, "");
  const cases = [
    { name: "unknown version", call: { ...good, version: "7.0.0" }, code: 1, message: /"7\.0\.0"/ },
    { name: "garbage", call: { ...good, stdin: `${config.slice(0, -1)},!!}` }, code: 6, message: /JSON/ },
    {
      name: "name",
      call: { ...good, stdin: config.replace('"name":"causeway"', '"name":"a b"') },
      code: 7,
      message: /"a b"/,
    },
    {
      name: "container ID",
      call: { ...good, containerId: "../c1" },
      code: 4,
      message: /CNI_CONTAINERID "\.\.\/c1"/,
    },
    { name: "interface", call: { ...good, ifname: "a/b" }, code: 4, message: /CNI_IFNAME "a\/b"/ },
    { name: "missing", call: {}, code: 4, message: /CNI_CONTAINERID, CNI_NETNS$/ },
    { name: "no namespace", call: { ...good, netns: "/nowhere" }, code: 4, message: /CNI_NETNS "\/nowhere"/ },
    { name: "a file", call: { ...good, netns: file }, code: 4, message: /CNI_NETNS/ },
  ];
  for (const { name, call, code, message } of cases) {
    const { code: got, msg } = await failure(node.call("ADD", call));
    assert.equal(got, code, `${name}: ${msg}`);
    assert.match(msg, message, name);
  }
  await pod.run("ip", "link", "add", "eth0", "type", "bridge");
  assert.equal((await failure(node.call("ADD", good))).code, 100);
  await pod.run("ip", "link", "del", "eth0");
  await node.add("c1", pod);
  const { code, msg } = await failure(node.call("ADD", { containerId: "c2", netns: (await makePod()).path }));
  assert.deepEqual(
    { code, msg },
    {
      code: 101,
      msg: "Cannot reserve an IPv4 address: all are in use (10.244.1.0/30: 1 of 1 taken)",
    },
  );
  await node.del("c1");
  assert.equal(await agent.metric("causeway_attachments"), 0);
  assert.doesNotMatch(await runOnHost("ip", "link"), /\bcw[a-z2-7]{13}/);
});

test("two ADDs for one container at once: one pod, one address, the other is code 100", async () => {
  const agent = await readyAgent("10.244.1.0/24");
  const pod = await makePod();
  const call = (): ReturnType<TestNode["call"]> => node.call("ADD", { containerId: "c1", netns: pod.path });
  const answers = await Promise.all([call(), call()]);
  assert.equal(answers.filter(({ exitCode }) => exitCode === 0).length, 1);
  const refused = answers.find(({ exitCode }) => exitCode === 1);
  assert.equal((JSON.parse(refused?.stdout ?? "") as CniFailure).code, 100);
  assert.equal(await agent.metric(TAKEN), 1);
});

test("an ADD whose runtime is killed in the middle is rolled back", async () => {
  const agent = await readyAgent("10.244.1.0/24");
  const pod = await makePod();
  agent.child.kill("SIGSTOP");
  const config = JSON.stringify({
    cniVersion: "1.0.0",
    name: "causeway",
    type: "causeway",
    socket: node.socket,
  });
  const shim = await privileged({
    command: ["sh", "-c", 'echo started; exec "$0"', join(node.cniBinDir, "causeway")],
    environment: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: pod.path, CNI_IFNAME: "eth0" },
    stdin: config,
    background: true,
  });
  // Connected, and asleep: it has sent its frame and waits for the reply.
  await eventually("the shim waits", () => {
    const connections = readFileSync("/proc/net/unix", "utf8").split(`${node.socket}\n`).length - 1;
    return connections === 2 && /^State:\tS/m.test(readFileSync(`/proc/${shim.pid}/status`, "utf8"));
  });
  await endPrivileged(shim.pid);
  agent.child.kill("SIGCONT");
  await eventually(
    "the ADD is refused",
    async () => (await agent.metric('causeway_cni_requests_total{command="ADD",code="11"}')) === 1,
    agent.log,
  );
  assert.match(agent.log(), /the runtime closed the connection/);
  assert.equal(await agent.metric(TAKEN), 0);
  assert.doesNotMatch(await runOnHost("ip", "link"), /\bcw[a-z2-7]{13}/);
});

test("a client that sends garbage or an oversized frame loses its connection; the agent lives and serves others", async () => {
  const agent = await readyAgent("10.244.1.0/24");
  const before = agent.countOpenFiles().others;
  const frames = [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(64 * 1024, 0xff),
    Buffer.from("CWAY\xff\xff\xff\xff", "latin1"),
    Buffer.concat([Buffer.from("CWAY\0\0\0\x10", "latin1"), Buffer.alloc(16)]),
  ];
  for (const frame of frames) {
    await new Promise<void>((resolve) => {
      const client = connect(node.socket, () => client.write(frame));
      client.on("error", () => undefined);
      client.on("close", () => resolve());
      client.resume();
    });
  }
  await node.add("c1", await makePod());
  await eventually(
    `no more than ${before + 1} open files`,
    () => agent.countOpenFiles().others <= before + 1,
    agent.countOpenFiles,
  );
});

test("kill -9 between ADDs: pool, metrics and DEL are right after a restart, as often as it happens", async () => {
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  const containers = Array.from({ length: 6 }, (_, index) => `kill-${index}`);
  const given = new Set<string>();
  for (const container of containers) {
    const agent = await readyAgent("10.244.1.0/24", "fd00:1::/64");
    for (const address of await node.add(container, await makePod())) {
      assert.ok(!given.has(address), `${address} was given twice`);
      given.add(address);
    }
    await agent.end("SIGKILL");
  }
  const agent = await readyAgent("10.244.1.0/24", "fd00:1::/64");
  assert.equal(await agent.metric("causeway_attachments"), containers.length);
  assert.equal(await agent.metric(TAKEN), containers.length);
  for (const container of containers) await node.del(container);
  assert.equal(await agent.metric(TAKEN), 0);
});

test("kill -9 in the middle of ADDs: after a restart the kernel and the pool agree, and DEL empties both", async () => {
  const containers = Array.from({ length: 12 }, (_, index) => `storm-${index}`);
  const netns = await Promise.all(containers.map(makePod));
  const first = await readyAgent("10.244.1.0/24");
  const calls = containers.map((containerId, index) =>
    node.call("ADD", { containerId, netns: netns[index]?.path ?? "" }),
  );
  await Promise.race(calls);
  await first.end("SIGKILL");
  const second = await readyAgent("10.244.1.0/24");
  await Promise.allSettled(calls);
  const links =
    (await runOnHost("ip", "-o", "link", "show", "group", "25463", "type", "veth")).split("\n").length - 1;
  assert.equal(await second.metric("causeway_attachments"), links);
  for (const container of containers) await node.del(container);
  assert.equal(await second.metric("causeway_attachments"), 0);
  assert.equal(await runOnHost("ip", "-o", "link", "show", "group", "25463", "type", "veth"), "");
});

test("DEL while the agent is away deletes the pod's network, and the restarted agent knows", async () => {
  const first = await readyAgent("10.244.1.0/24");
  const pod = await makePod();
  await node.add("c1", pod);
  await first.end("SIGKILL");
  await node.del("c1", pod.path);
  assert.doesNotMatch(await pod.run("ip", "link"), /eth0/);
  const second = await readyAgent("10.244.1.0/24");
  assert.equal(await second.metric(TAKEN), 0);
  assert.equal(await runOnHost("ip", "neighbour", "show", "dev", "cw0"), "");
});

test("ADD waits for an agent that restarts: a rolling upgrade fails no pod", async () => {
  const first = await readyAgent("10.244.1.0/24");
  await first.end("SIGTERM");
  const adding = node.add("c1", await makePod());
  await readyAgent("10.244.1.0/24");
  assert.deepEqual(await adding, ["10.244.1.2"]);
});

test("SIGTERM: the agent exits 0, pods keep their network, conflist and binary stay", async () => {
  const agent = await readyAgent("10.244.1.0/24");
  const [a, b] = [await makePod(), await makePod()];
  const [address = ""] = await node.add("c1", a);
  await node.add("c2", b);
  assert.equal(await agent.end("SIGTERM"), 0);
  await b.run("ping", "-c1", "-w5", address);
  assert.deepEqual(readdirSync(node.cniConfDir), ["10-causeway.conflist"]);
  assert.deepEqual(readdirSync(node.cniBinDir).toSorted(), ["causeway", "loopback"]);
});

test("deleted and damaged host files are back within 5 s", async () => {
  const agent = await readyAgent("10.244.1.0/24");
  const conflist = join(node.cniConfDir, "10-causeway.conflist");
  const planned = readFileSync(conflist, "utf8");
  const startMs = performance.now();
  rmSync(join(node.cniBinDir, "causeway"));
  writeFileSync(conflist, "{");
  const isBack = (): boolean =>
    readdirSync(node.cniBinDir).includes("causeway") && readFileSync(conflist, "utf8") === planned;
  await eventually("both files are back", isBack);
  assert.ok(performance.now() - startMs < 5000);
  const written = `causeway_host_file_writes_total{path="${conflist}"}`;
  await eventually("both writes are counted", async () => (await agent.metric(written)) === 2, agent.log);
});

test("a socket that somebody deleted, with its folder, is back within 5 s (rancher/rke2#10423)", async () => {
  await readyAgent("10.244.1.0/24");
  rmSync(join(node.folder, "run"), { recursive: true });
  // The shim waits for the socket as it does for an agent that restarts.
  assert.deepEqual(await node.add("c1", await makePod()), ["10.244.1.2"]);
});

test("a rival configuration is reported in log and metrics", async () => {
  writeFileSync(join(node.cniConfDir, "05-bridge.conflist"), "{}");
  const agent = await readyAgent("10.244.1.0/24");
  assert.equal(await agent.metric("causeway_rival_conflists"), 1);
  assert.match(agent.log(), /05-bridge\.conflist/);
});

test("a changed nodes file is served without a restart: new pods from the new CIDR, old ones live on", async () => {
  await readyAgent("10.244.1.0/24");
  const [a, b] = [await makePod(), await makePod()];
  const [oldAddress = ""] = await node.add("c1", a);
  node.writeNodes("10.244.9.0/24");
  await eventually("the new gateway is there", async () =>
    (await runOnHost("ip", "-o", "address", "show", "dev", "cw0")).includes("10.244.9.1/32"),
  );
  assert.deepEqual(await node.add("c2", b), ["10.244.9.2"]);
  await b.run("ping", "-c1", "-w5", oldAddress);
});

test("faults of the configuration are told all together, exit code 2", async () => {
  const agent = node.start("--mtu", "9", "--bridge", "a/b");
  const [code] = await new Promise<[number | null]>((resolve) =>
    agent.child.once("exit", (status) => resolve([status])),
  );
  assert.equal(code, 2);
  assert.match(agent.log(), /bridge "a\/b" must be a link name/);
  assert.match(agent.log(), /mtu 9 must be 0 or 576 to 65535/);
});

test("1,000 ADD/DEL cycles leak no link, file or address, and RSS grows by less than 10 MB after warm-up", async () => {
  const agent = await readyAgent("10.244.1.0/24", "fd00:1::/64");
  const netns = await Promise.all(Array.from({ length: 8 }, makePod));
  const cycle = async (worker: number, count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const containerId = `cycle-${worker}-${index}`;
      await node.add(containerId, netns[worker] ?? assert.fail());
      await node.del(containerId, netns[worker]?.path);
    }
  };
  const cycles = (count: number): Promise<unknown> =>
    Promise.all(netns.map((_, worker) => cycle(worker, count / netns.length)));
  await cycles(400);
  const warm = { files: agent.countOpenFiles().others, bytes: agent.residentBytes() };
  await cycles(1000);
  const growth = agent.residentBytes() - warm.bytes;
  console.log(
    `RSS ${(warm.bytes / 1e6).toFixed(1)} MB after warm-up, ${(growth / 1e6).toFixed(1)} MB more after 1,000 cycles`,
  );
  assert.ok(growth < 10e6, `RSS grew by ${growth} bytes`);
  await eventually(
    "no open file more",
    () => agent.countOpenFiles().others <= warm.files,
    agent.countOpenFiles,
  );
  assertFewSockets(agent.countOpenFiles());
  assert.equal(await agent.metric(TAKEN), 0);
  assert.equal(await runOnHost("ip", "-o", "link", "show", "group", "25463", "type", "veth"), "");
  assert.equal(await runOnHost("ip", "neighbour", "show", "dev", "cw0"), "");
});

test("the host link is named so that the shim finds it without the agent", async () => {
  await readyAgent("10.244.1.0/24");
  await node.add("c1", await makePod());
  assert.match(
    await runOnHost("ip", "link", "show", hostLinkName("c1", "eth0")),
    /alias causeway 1 causeway c1 eth0 10\.244\.1\.2/,
  );
});
