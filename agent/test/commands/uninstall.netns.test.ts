/**
 * The command "uninstall" of the shipped program, on nodes on which the shipped agent has done all that it
 * can do.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { shippedFile } from "../../lib/shipped.ts";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";

let node: TestNode;
let pods: Netns[];
/** The node's network and files before there was an agent. */
let before: { readonly network: string; readonly more: string; readonly files: readonly string[] };

/** What the dump of the node's state lacks. */
const dumpMore = (): Promise<string> => host("ip rule; ip -6 rule; tc qdisc | sed 's/refcnt [0-9]*//'");

beforeEach(async () => {
  node = makeNode();
  pods = [];
  // Nobody can tell whether it was the agent that has let the node forward: it stays so.
  await host("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
  await host(`ip link add up0 type veth peer name far0; ip link set up0 addrgenmode none; ip link set far0 addrgenmode none
    ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8::10/64 dev up0 nodad
    ip link set far0 up; ip link set up0 up; ip route add default via 192.0.2.1`);
  // A worker of the kernel brings IPv6 up on them, on a busy machine after the state was dumped.
  const settled = () => host("ip -6 route show table local");
  await eventually(
    "both ends of the uplink have IPv6",
    async () =>
      /multicast [^]* dev far0/.test(await settled()) && /multicast [^]* dev up0/.test(await settled()),
    settled,
  );
  writeFileSync(
    node.nodesFile,
    JSON.stringify([
      {
        name: NODE_NAME,
        addresses: ["192.0.2.10", "2001:db8::10"],
        podCIDRs: ["10.244.1.0/24", "fd00:1::/64"],
      },
      { name: "near", addresses: ["192.0.2.11", "2001:db8::11"], podCIDRs: ["10.244.2.0/24", "fd00:2::/64"] },
      { name: "far", addresses: ["203.0.113.7"], podCIDRs: ["10.244.3.0/24", "fd00:3::/64"] },
    ]),
  );
  before = { network: await dumpNodeState(), more: await dumpMore(), files: listFiles() };
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  await eventually(
    "the pods' links are gone",
    async () => !/^cw[a-z2-7]{13}/m.test(await host("ip -brief link")),
  );
  await node.remove();
  await runOnHost("sh", "-c", "ip link del up0; ip link del cw-vx; true");
});

const readDoc = (name: string): string =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");
const listFiles = (): string[] => readdirSync(node.folder, { recursive: true, encoding: "utf8" }).toSorted();

async function startAgent(): Promise<AgentProcess> {
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  return agent;
}

/** Adds a pod with two host ports and limits in both directions. */
async function addPod(containerId: string, hostPort: number): Promise<Netns> {
  const pod = await makeNetns();
  pods.push(pod);
  const stdin = JSON.stringify({
    cniVersion: "1.0.0",
    name: "causeway",
    type: "causeway",
    socket: node.socket,
    runtimeConfig: {
      portMappings: [
        { hostPort, containerPort: 80, protocol: "tcp" },
        { hostPort, containerPort: 80, protocol: "udp" },
      ],
      bandwidth: { ingressRate: 1e6, ingressBurst: 1e6, egressRate: 1e6, egressBurst: 1e6 },
    },
  });
  const { exitCode, stdout } = await node.call("ADD", { containerId, netns: pod.path, stdin });
  assert.equal(exitCode, 0, stdout);
  return pod;
}

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function uninstall(...flags: readonly string[]): Promise<Answer> {
  const { cniBinDir, cniConfDir, socket } = node;
  const own = ["--socket", socket, "--cni-bin-dir", cniBinDir, "--cni-conf-dir", cniConfDir];
  const args = [shippedFile("causeway.mjs").pathname, "uninstall", "--http", "127.0.0.1:1", ...own, ...flags];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

async function assertAsBefore(): Promise<void> {
  await assertNodeState(before.network);
  assert.equal(await dumpMore(), before.more);
  assert.deepEqual(listFiles(), before.files);
}

test("uninstall --all after a life with pods, host ports, limits and other nodes: network and files are as before the agent", async () => {
  const agent = await startAgent();
  await addPod("c1", 8080);
  await addPod("c2", 8081);
  assert.equal(await agent.end("SIGTERM"), 0);
  const { code, stdout, stderr } = await uninstall("--all");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  for (const what of ["10-causeway.conflist", "bin/causeway", "bin/loopback"])
    assert.match(stdout, new RegExp(`^Removed ".*${what}"$`, "m"));
  for (const what of [
    "2 host links of pods",
    'bridge "cw0"',
    'VXLAN device "cw-vx"',
    "2 routes to other nodes",
    "nftables table inet causeway",
    "nftables table bridge causeway",
  ])
    assert.ok(stdout.includes(`Removed ${what}\n`), `${what} in ${stdout}`);
  await assertAsBefore();
  assert.deepEqual(await uninstall("--all"), { code: 0, stdout: "", stderr: "" });
  const { done, faults } = JSON.parse((await uninstall("--all", "--json")).stdout) as Record<string, unknown>;
  assert.deepEqual({ done, faults }, { done: [], faults: [] });
});

test("uninstall --all after a kill -9, with the socket and half-written files left behind: as before the agent", async () => {
  const agent = await startAgent();
  await addPod("c1", 8080);
  await agent.end("SIGKILL");
  writeFileSync(join(node.cniConfDir, ".10-causeway.conflist.causeway-tmp"), "{");
  writeFileSync(join(node.cniBinDir, ".causeway.causeway-tmp"), "half");
  const { code, stdout } = await uninstall("--all");
  assert.equal(code, 0);
  assert.match(stdout, /^Removed ".*agent\.sock"$/m);
  await assertAsBefore();
});

test("the commands of docs/uninstall.md for a node without the image leave what uninstall --all leaves: nothing", async () => {
  const agent = await startAgent();
  await addPod("c1", 8080);
  await addPod("c2", 8081);
  await agent.end("SIGKILL");
  const [, block = ""] = /^## Without the image$.*?```sh\n(.*?)```/ms.exec(readDoc("uninstall.md")) ?? [];
  const [paths = "", ...commands] = block.split("\n");
  assert.match(paths, /^bin=.* conf=.* run=/);
  const here = `bin=${node.cniBinDir} conf=${node.cniConfDir} run=${dirname(node.socket)}`;
  await host(["set +e", here, ...commands, "true"].join("\n"));
  assert.deepEqual(await uninstall("--all"), { code: 0, stdout: "", stderr: "" });
  await assertAsBefore();
});

test("uninstall leaves running pods their network and what deletes it, and takes the rest when they are gone", async () => {
  const agent = await startAgent();
  const pod = await addPod("c1", 8080);
  await agent.end("SIGTERM");
  const conflist = readFileSync(join(node.cniConfDir, "10-causeway.conflist"), "utf8");
  const { code, stdout } = await uninstall();
  assert.equal(code, 0);
  for (const path of ["net.d/zz-causeway.conflist", "bin/causeway", "bin/loopback"])
    assert.match(stdout, new RegExp(`^Kept ".*${path}": 1 pod interfaces need it`, "m"));
  assert.deepEqual(readdirSync(node.cniConfDir), ["zz-causeway.conflist"]);
  assert.equal(readFileSync(join(node.cniConfDir, "zz-causeway.conflist"), "utf8"), conflist);
  assert.doesNotMatch((await uninstall()).stdout, /Removed|Moved/);
  await pod.run("ping", "-c1", "-W1", "10.244.1.1");
  await node.del("c1", pod.path);
  assert.match((await uninstall()).stdout, /^Removed ".*bin\/causeway"$/m);
  assert.deepEqual([...readdirSync(node.cniBinDir), ...readdirSync(node.cniConfDir)], []);
  assert.match(await host("ip -brief link"), /^cw0 /m);
  await uninstall("--all");
  await assertAsBefore();
});

test("uninstall never touches what is not ours: plugins and configurations of others under our names, links, routes, tables", async () => {
  const agent = await startAgent();
  await agent.end("SIGTERM");
  const foreign = {
    [join(node.cniBinDir, "causeway")]: "somebody's program",
    [join(node.cniBinDir, "loopback")]: "the node's own loopback",
    [join(node.cniConfDir, "10-causeway.conflist")]: '{"name":"other","plugins":[{"type":"bridge"}]}',
    [node.socket]: "not a socket",
  };
  mkdirSync(join(node.folder, "run"), { recursive: true });
  for (const [path, text] of Object.entries(foreign)) writeFileSync(path, text);
  await host(`ip link add cwforeign type veth peer name cw-peer; ip link add cw1 type bridge
    ip route add 198.51.100.0/24 via 192.0.2.1 proto static; ip link add name ci-foreign type ifb
    nft add table inet other; nft add table ip causeway`);
  const { code, stdout } = await uninstall("--all");
  assert.equal(code, 0);
  assert.match(stdout, /^Kept ".*bin\/causeway": it is not Causeway's$/m);
  assert.match(stdout, /^Kept ".*10-causeway\.conflist": it is not Causeway's$/m);
  for (const [path, text] of Object.entries(foreign)) assert.equal(readFileSync(path, "utf8"), text);
  await host("ip route show 198.51.100.0/24 proto static | grep -q via");
  await host("nft list table inet other; nft list table ip causeway");
  await host("ip link del cwforeign; ip link del cw1; ip link del ci-foreign; ip route del 198.51.100.0/24");
  await host("nft delete table inet other; nft delete table ip causeway");
  await assertNodeState(before.network);
});

test("an agent that comes after an uninstallation with pods gives its conflist the name back", async () => {
  const agent = await startAgent();
  await addPod("c1", 8080);
  await agent.end("SIGTERM");
  await uninstall();
  const next = await startAgent();
  assert.deepEqual(readdirSync(node.cniConfDir), ["10-causeway.conflist"]);
  assert.match(next.log(), /Removed our CNI configuration of a former name/);
});

test("uninstall keeps our loopback plugin on a node that another CNI serves by now: its pods need it", async () => {
  const agent = await startAgent();
  await agent.end("SIGTERM");
  const other = join(node.cniConfDir, "10-other.conflist");
  writeFileSync(other, '{"name":"other","plugins":[{"type":"bridge"}]}');
  const { stdout } = await uninstall("--all");
  assert.ok(
    stdout.includes(`Kept "${join(node.cniBinDir, "loopback")}": runtimes need one for "${other}", too`),
  );
  assert.deepEqual(readdirSync(node.cniBinDir), ["loopback"]);
});

test("uninstall refuses while an agent runs, one that is not ready yet included, and changes nothing", async () => {
  const agent = await startAgent();
  const refused = await uninstall("--all");
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^causeway: Cannot uninstall: an agent is running \(listening on ".*agent\.sock"\); stop it first/,
  );
  assert.equal(refused.stdout, "");
  await agent.end("SIGTERM");
  writeFileSync(node.nodesFile, "[]");
  await runOnHost("ip", "link", "del", "cw0");
  const starting = node.start("--standalone", "--nodes-file", node.nodesFile, "--http", "127.0.0.1:18999");
  await eventually("it serves", async () => {
    const answer = await fetch("http://127.0.0.1:18999/healthz").catch(() => undefined);
    return answer?.status === 200;
  });
  assert.ok(!existsSync(node.socket));
  const again = await uninstall("--all", "--http", "127.0.0.1:18999");
  assert.match(again.stderr, /an agent is running \(serving http:\/\/127\.0\.0\.1:18999\/metrics\)/);
  await starting.end("SIGTERM");
  assert.ok(existsSync(join(node.cniConfDir, "10-causeway.conflist")));
});

test("uninstall tells faults of its flags with exit code 2", async () => {
  const { code, stderr } = await uninstall("--everything");
  assert.equal(code, 2);
  assert.match(stderr, /--everything/);
});
