/**
 * The node's 127.0.0.1 stays closed to pods when the ruleset is gone and nobody is there to put it back
 * (CVE-2020-8558).
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { callOnHost, makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";

const PORT = 9998;
const GATEWAY = "10.244.1.1";
const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "udp" }] };

let node: TestNode;
let agent: AgentProcess;
let pod: Netns;
let servers: number[];

beforeEach(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24");
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  pod = await makeNetns();
  servers = [];
  const { exitCode, stdout } = await node.call("ADD", { containerId: "a", netns: pod.path, runtimeConfig });
  assert.equal(exitCode, 0, stdout);
});

afterEach(async () => {
  agent.child.kill("SIGCONT");
  for (const pid of servers) await endPrivileged(pid);
  await pod.remove();
  await node.remove();
  await runOnHost("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0");
});

/** A program that writes down what it hears; gives the file. */
async function listen(where: Netns | undefined, address: string, port: number): Promise<string> {
  const file = join(node.folder, `heard-${port}`);
  rmSync(file, { force: true });
  const program = `
    const { appendFileSync } = require("node:fs");
    appendFileSync(${JSON.stringify(file)}, "");
    const socket = require("node:dgram").createSocket("udp4", (message, { address, port }) => {
      appendFileSync(${JSON.stringify(file)}, message + "\\n");
      socket.send("heard", port, address);
    });
    socket.bind(${port}, ${JSON.stringify(address)}, () => console.log("ready"));`;
  const { pid } = await privileged({
    command: [process.execPath, "-e", program],
    netns: where?.path,
    background: true,
  });
  servers.push(pid);
  return file;
}

/** Sends one datagram from an address of the pod. */
async function send(source: string, destination: string, port: number, text: string): Promise<void> {
  const script = new URL("../../testing/packets/send-datagram.ts", import.meta.url);
  await pod.call(script, source, destination, String(port), Buffer.from(text).toString("hex"));
}

/** What answers a program of the node. */
async function ask(target: string): Promise<string> {
  return callOnHost(new URL("../../testing/machine/ask-ports.ts", import.meta.url), target);
}

const policies = (): Promise<string> => runOnHost("ip", "xfrm", "policy");

test("nft flush ruleset and an agent that is stopped: a pod reaches nothing on the node's 127.0.0.1, neither as itself nor as 127.0.0.1", async () => {
  const loopback = await listen(undefined, "127.0.0.1", PORT);
  const any = await listen(undefined, "0.0.0.0", PORT + 1);
  // A pod that may change its own routes sends to 127.0.0.1 through its gateway.
  await pod.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
  await pod.run("ip", "route", "add", "127.0.0.1", "via", GATEWAY, "src", "10.244.1.2");
  await pod.run("ip", "address", "add", "127.0.0.77/32", "dev", "eth0");
  const attack = async (turn: string): Promise<void> => {
    await send("10.244.1.2", "127.0.0.1", PORT, `${turn} to 127.0.0.1`);
    await send("127.0.0.77", GATEWAY, PORT + 1, `${turn} from 127.0.0.77`);
    // Behind both on the same way: once it is there, they would be.
    await send("10.244.1.2", GATEWAY, PORT + 1, `${turn} honest`);
    await eventually(`${turn}: the honest packet arrives`, () =>
      readFileSync(any, "utf8").includes(`${turn} honest`),
    );
  };
  // What an earlier test left in this namespace must not stop the attack in place of the guard.
  await runOnHost("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.cw0.rp_filter=0");
  await attack("guarded");
  agent.child.kill("SIGSTOP");
  await runOnHost("nft", "flush", "ruleset");
  await attack("flushed");
  assert.equal(readFileSync(loopback, "utf8"), "");
  assert.equal(readFileSync(any, "utf8"), "guarded honest\nflushed honest\n");
  // The attacks are well made: without the policies they arrive.
  await runOnHost("ip", "xfrm", "policy", "flush");
  await attack("open");
  await eventually("they arrive", () => readFileSync(loopback, "utf8") === "open to 127.0.0.1\n");
  assert.match(readFileSync(any, "utf8"), /^open from 127\.0\.0\.77$/m);
  agent.child.kill("SIGCONT");
  // Nobody tells of policies: they are looked at with everything else. A run that was stopped in its middle
  // may have looked at them, and has put back the tables, whose change then is no news.
  await runOnHost("sysctl", "-qw", "net.ipv4.conf.cw0.forwarding=0");
  await eventually("the policies are put back", async () => (await policies()).includes("dst 127.0.0.0/8"));
  await eventually("and counted", async () => {
    return ((await agent.metric('causeway_drift_repairs_total{kind="loopback_policy"}')) ?? 0) > 0;
  });
});

for (const called of ["0", "1"]) {
  test(`the policies let answers to 127.0.0.1 of the node pass, and go with the last host port: bridge-nf-call-iptables=${called}`, async () => {
    await runOnHost("sysctl", "-qw", `net.bridge.bridge-nf-call-iptables=${called}`);
    await listen(pod, "0.0.0.0", 80);
    assert.equal(await ask("udp,127.0.0.1,8080"), "heard");
    await listen(undefined, "127.0.0.1", PORT);
    assert.equal(await ask(`udp,127.0.0.1,${PORT}`), "heard", "the node talks to itself as before");
    assert.equal((await policies()).match(/action block/g)?.length, 2);
    await node.del("a", pod.path);
    await eventually("the policies are gone", async () => (await policies()) === "");
  });
}

test("pods with host ports that come at once all get them: none finds the policies half made", async () => {
  const others = await Promise.all(Array.from({ length: 8 }, () => makeNetns()));
  try {
    await node.del("a", pod.path);
    const outcomes = await Promise.all(
      others.map((other, index) =>
        node.call("ADD", {
          containerId: `b${index}`,
          netns: other.path,
          runtimeConfig: { portMappings: [{ hostPort: 9000 + index, containerPort: 80, protocol: "tcp" }] },
        }),
      ),
    );
    assert.deepEqual(
      outcomes.filter(({ exitCode }) => exitCode !== 0).map(({ stdout }) => stdout),
      [],
    );
  } finally {
    for (const other of others) await other.remove();
  }
});
