import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { countPods, NO_PODS } from "../../testing/machine/count-pods.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { startFaultyAgent } from "../../testing/faults/fault-agent.ts";
import { type FaultMount, makeFaultMount } from "../../testing/faults/fault-mount.ts";
import { FAULTS, formatFaultTable, proveFault } from "../../testing/faults/fault-table.ts";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";

const CODE_NOT_AVAILABLE = 50;
const CODE_POOL_EXHAUSTED = 101;

let node: TestNode;
let pods: Netns[];
let mount: FaultMount | undefined;

beforeEach(() => {
  node = makeNode();
  node.writeNodes("10.244.1.0/29", "fd00:1::/64");
  pods = [];
  mount = undefined;
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  await node.remove();
  await mount?.remove();
});

async function makePod(): Promise<Netns> {
  const pod = await makeNetns();
  pods.push(pod);
  return pod;
}

async function startAgent(...flags: readonly string[]): Promise<AgentProcess> {
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile, ...flags);
  await agent.waitUntilReady();
  return agent;
}

/** Waits until /readyz says why the node is not ready. */
async function notReady(agent: AgentProcess, reason: RegExp): Promise<void> {
  const isTold = async (): Promise<boolean> => {
    const answer = await agent.get("/readyz");
    return answer?.status === 503 && reason.test(answer.text);
  };
  await eventually(`not ready: ${reason}`, isTold, () => agent.get("/readyz"));
}

async function assertEmpty(agent: AgentProcess, clean: string): Promise<void> {
  assert.deepEqual(await countPods(agent), NO_PODS);
  await assertNodeState(clean);
}

test("without nft the agent says so, offers nothing, and serves once it is there", async (t) => {
  const agent = startFaultyAgent(node, { PATH: node.folder });
  await notReady(agent, /Cannot run nft/);
  assert.deepEqual(readdirSync(node.cniConfDir), []);
  await agent.end("SIGKILL");
  const next = await startAgent();
  const clean = await dumpNodeState();
  const pod = await makePod();
  await node.add("c1", pod);
  await node.del("c1", pod.path);
  await assertEmpty(next, clean);
  proveFault(t, "nft missing");
});

test("an nft that fails is reported with what it said, and the node becomes ready by itself", async (t) => {
  const nft = join(node.folder, "nft");
  writeFileSync(nft, '#!/bin/sh\necho "Error: broken on purpose" >&2\nexit 1\n');
  chmodSync(nft, 0o755);
  const agent = startFaultyAgent(node, { PATH: `${node.folder}:${process.env["PATH"]}` });
  await notReady(agent, /broken on purpose/);
  assert.deepEqual(readdirSync(node.cniConfDir), []);
  rmSync(nft);
  await agent.waitUntilReady();
  const clean = await dumpNodeState();
  const pod = await makePod();
  await node.add("c1", pod);
  await node.del("c1", pod.path);
  await assertEmpty(agent, clean);
  proveFault(t, "nft failing");
});

test("a full pool: ADD and STATUS say so, a DEL makes room, nothing is left", async (t) => {
  const agent = await startAgent();
  const clean = await dumpNodeState();
  // Eight addresses less network, gateway and broadcast.
  const names = ["c1", "c2", "c3", "c4", "c5"];
  for (const name of names) await node.add(name, await makePod());
  const full = await dumpNodeState();
  const late = await makePod();
  const refused = await node.call("ADD", { containerId: "late", netns: late.path });
  assert.match(refused.stdout, new RegExp(`"code":${CODE_POOL_EXHAUSTED},.*5 of 5 taken`));
  const status = await node.call("STATUS", { version: "1.1.0" });
  assert.match(status.stdout, new RegExp(`"code":${CODE_NOT_AVAILABLE},`));
  await assertNodeState(full);
  await node.del("late", late.path);
  await node.del("c3");
  await node.add("late", late);
  assert.equal((await node.call("STATUS", { version: "1.1.0" })).exitCode, 1, "full again");
  for (const name of [...names, "late"]) await node.del(name);
  await assertEmpty(agent, clean);
  proveFault(t, "pool full");
});

test("full disk: no half-written file, and the node becomes ready once there is space", async (t) => {
  mount = await makeFaultMount("8k");
  const [binaries, conflists] = [join(mount.path, "bin"), join(mount.path, "net.d")];
  for (const folder of [binaries, conflists]) mkdirSync(folder);
  const flags = ["--cni-bin-dir", binaries, "--cni-conf-dir", conflists];
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile, ...flags);
  await notReady(agent, /Cannot write ".*causeway": ENOSPC/);
  assert.deepEqual([readdirSync(binaries), readdirSync(conflists)], [[], []]);
  await mount.remount("size=1m");
  await agent.waitUntilReady();
  assert.deepEqual(readdirSync(binaries).toSorted(), ["causeway", "loopback"]);
  assert.deepEqual(readdirSync(conflists), ["10-causeway.conflist"]);
  const clean = await dumpNodeState();
  const pod = await makePod();
  await node.add("c1", pod);
  await node.del("c1", pod.path);
  await assertEmpty(agent, clean);
  proveFault(t, "disk full");
});

test("read-only disk: pods are served, a missing file is named, and is back once it can be", async (t) => {
  mount = await makeFaultMount("1m");
  const [binaries, conflists] = [join(mount.path, "bin"), join(mount.path, "net.d")];
  for (const folder of [binaries, conflists]) mkdirSync(folder);
  const agent = await startAgent("--cni-bin-dir", binaries, "--cni-conf-dir", conflists);
  const clean = await dumpNodeState();
  rmSync(join(conflists, "10-causeway.conflist"));
  await mount.remount("ro");
  await notReady(agent, /EROFS/);
  const pod = await makePod();
  await node.add("c1", pod);
  await node.del("c1", pod.path);
  await mount.remount("rw");
  await agent.waitUntilReady();
  assert.deepEqual(readdirSync(conflists), ["10-causeway.conflist"]);
  await assertEmpty(agent, clean);
  proveFault(t, "disk read-only");
});

test("docs/reliability.md has the table of faults that the tests prove", () => {
  console.log(formatFaultTable());
  assert.ok(Object.keys(FAULTS).length > 0);
  const file = new URL("../../../docs/reliability.md", import.meta.url);
  assert.ok(readFileSync(file, "utf8").includes(`\n${formatFaultTable()}\n`));
});
