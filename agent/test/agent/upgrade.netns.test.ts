import assert from "node:assert/strict";
import { copyFileSync, readFileSync, renameSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { countPods, NO_PODS } from "../../testing/machine/count-pods.ts";
import { inParallel } from "../../testing/runner/in-parallel.ts";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";
import { assertNodeState, dumpNodeState } from "../../testing/machine/node-state.ts";
import { privileged } from "../../testing/runner/privileged.ts";

const CODE_TRY_LATER = 11;

let node: TestNode;
let agent: AgentProcess;
let clean: string;
let pods: Netns[];

beforeEach(async () => {
  node = makeNode();
  pods = [];
  node.writeNodes("10.244.0.0/22", "fd00:1::/64");
  agent = await startAgent();
  clean = await dumpNodeState();
});

afterEach(async () => {
  await Promise.all(pods.map((pod) => pod.remove()));
  await node.remove();
});

async function startAgent(): Promise<AgentProcess> {
  const started = node.start("--standalone", "--nodes-file", node.nodesFile);
  await started.waitUntilReady();
  return started;
}

async function makePods(count: number): Promise<void> {
  pods = await inParallel(Array.from({ length: count }), 16, makeNetns);
}

async function assertClean(): Promise<void> {
  assert.deepEqual(await countPods(agent), NO_PODS);
  await assertNodeState(clean);
}

test("the shim's binary is replaced 20 times during a storm of ADDs and DELs, and none fails", async () => {
  await makePods(8);
  const binary = join(node.cniBinDir, "causeway");
  const stdin = JSON.stringify({
    cniVersion: "1.0.0",
    name: "causeway",
    type: "causeway",
    socket: node.socket,
  });
  const progress = { isReplacing: true, calls: 0 };
  const call = async (command: string, containerId: string, netns: string): Promise<void> => {
    const environment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: "eth0",
    };
    const { exitCode, stdout } = await privileged({ command: [binary], environment, stdin });
    assert.equal(exitCode, 0, stdout);
    progress.calls++;
  };
  const storm = pods.map(async (pod, worker) => {
    for (let round = 0; progress.isReplacing; round++) {
      await call("ADD", `swap-${worker}-${round}`, pod.path);
      await call("DEL", `swap-${worker}-${round}`, pod.path);
    }
  });
  for (let replacement = 1; replacement <= 20; replacement++) {
    const enough = progress.calls + 4;
    const next = `${binary}.next`;
    copyFileSync(binary, next);
    renameSync(next, binary);
    // Some calls between two replacements, so that all of them meet the storm.
    while (progress.calls < enough) await Promise.race([...storm, new Promise(setImmediate)]);
  }
  progress.isReplacing = false;
  await Promise.all(storm);
  assert.ok(progress.calls >= 80, `${progress.calls} calls`);
  await assertClean();
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`${signal} of the agent during 100 ADDs: none is lost after its restart`, async () => {
    await makePods(100);
    const add = async (pod: Netns, index: number): Promise<{ code: number; ips: readonly string[] }> => {
      const { exitCode, stdout } = await node.call("ADD", {
        containerId: `restart-${index}`,
        netns: pod.path,
      });
      const result = JSON.parse(stdout) as { code?: number; ips?: readonly { address: string }[] };
      if (exitCode !== 0) return { code: result.code ?? -1, ips: [] };
      return { code: 0, ips: (result.ips ?? []).map(({ address }) => address) };
    };
    const adding = pods.map(add);
    await Promise.race(adding);
    await agent.end(signal);
    agent = await startAgent();
    const answers = await Promise.all(adding);
    const failed = answers.flatMap(({ code }, index) => (code === 0 ? [] : [index]));
    console.log(`${signal} during 100 ADDs: ${failed.length} were told to try again`);
    if (signal === "SIGTERM") assert.deepEqual(failed, []);
    for (const index of failed) assert.equal(answers[index]?.code, CODE_TRY_LATER);
    // What a runtime does about an ADD that failed: DEL, and a new try.
    const again = await inParallel(failed, 8, async (index) => {
      const pod = pods[index] ?? assert.fail();
      await node.del(`restart-${index}`, pod.path);
      return await add(pod, index);
    });
    const ips = [...answers, ...again].flatMap((answer) => answer.ips);
    assert.equal(ips.length, 200);
    assert.equal(new Set(ips).size, 200, "no address was given twice");
    await Promise.all(pods.map((pod, index) => node.del(`restart-${index}`, pod.path)));
    await assertClean();
  });
}

/** A frame that a shim of protocol version 1 sent, byte by byte. */
function storedFrame(name: string): Buffer {
  const file = new URL(`../../testing/agent/frames/${name}.hex`, import.meta.url);
  return Buffer.from(readFileSync(file, "utf8").replaceAll("\n", ""), "hex");
}

async function exchange(frame: Buffer): Promise<Buffer> {
  const socket = connect(node.socket);
  socket.write(frame);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test("frames of an older shim, stored as it sent them, are answered", async () => {
  // docs/protocol.md, "Reply": magic, length 4, version 1, exit code 0, nothing to print.
  const success = Buffer.from("435741590000000400010000", "hex");
  assert.deepEqual(await exchange(storedFrame("request-v1-status")), success);
  await makePods(1);
  await node.add("stored", pods[0] ?? assert.fail());
  assert.deepEqual(await exchange(storedFrame("request-v1-del")), success);
  await assertClean();
});

test("a frame of protocol version 2 is answered with code 11, which names both versions", async () => {
  const frame = storedFrame("request-v1-status");
  frame.writeUInt16BE(2, 8);
  const reply = await exchange(frame);
  assert.equal(reply.toString("latin1", 0, 4), "CWAY");
  assert.equal(reply.readUInt32BE(4), reply.length - 8);
  assert.deepEqual([reply.readUInt16BE(8), reply.readUInt16BE(10)], [1, 1]);
  const { code, msg } = JSON.parse(reply.toString("utf8", 12)) as { code: number; msg: string };
  assert.equal(code, CODE_TRY_LATER);
  assert.match(msg, /\b2\b.*\b1\b/);
});

for (const { version, wantCode } of [
  { version: 1, wantCode: 0 },
  { version: 2, wantCode: CODE_TRY_LATER },
]) {
  test(`the shim reads a stored reply of an agent of protocol version ${version}`, async () => {
    const socket = join(node.folder, `agent-v${version}.sock`);
    const reply = storedFrame("reply-v1-result");
    reply.writeUInt16BE(version, 8);
    const server = createServer((connection) => {
      connection.on("error", () => undefined); // a shim that does not understand hangs up
      connection.once("data", () => connection.end(reply));
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    await makePods(1);
    const { stdout } = await node.call("ADD", {
      containerId: "old-agent",
      netns: pods[0]?.path ?? "",
      stdin: JSON.stringify({ cniVersion: "1.0.0", name: "causeway", type: "causeway", socket }),
    });
    server.close();
    const { code = 0, msg = "" } = JSON.parse(stdout) as { code?: number; msg?: string };
    assert.equal(code, wantCode, stdout);
    if (wantCode !== 0) assert.match(msg, /\b1\b.*\b2\b/);
    else assert.equal(stdout, reply.toString("utf8", 12));
  });
}
