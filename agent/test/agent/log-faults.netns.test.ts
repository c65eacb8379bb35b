import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns } from "../../testing/machine/netns.ts";

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
const LOST = "causeway_log_lines_lost_total";

let node: TestNode;
let fifo: string;
const descriptors: number[] = [];

beforeEach(() => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24");
  fifo = join(node.folder, "stderr");
  execFileSync("mkfifo", [fifo]);
});

afterEach(async () => {
  for (const fd of descriptors.splice(0)) closeSync(fd);
  await node.remove();
});

function open(path: string, flags: number): number {
  const fd = openSync(path, flags | O_NONBLOCK);
  descriptors.push(fd);
  return fd;
}

function close(fd: number): void {
  descriptors.splice(descriptors.indexOf(fd), 1);
  closeSync(fd);
}

/** A pipe's ends, both of which do not wait. */
function openPipe(): { readonly reader: number; readonly writer: number } {
  return { reader: open(fifo, O_RDONLY), writer: open(fifo, O_WRONLY) };
}

/** As a process gets it: writing to it waits. */
function openStderr(): number {
  const fd = openSync(fifo, O_WRONLY);
  descriptors.push(fd);
  return fd;
}

function readAll(reader: number): string {
  const bytes = Buffer.alloc(1 << 20);
  try {
    return bytes.toString("utf8", 0, readSync(reader, bytes));
  } catch {
    return ""; // EAGAIN: nothing there
  }
}

function fill(writer: number): void {
  try {
    for (;;) writeSync(writer, "x".repeat(4096));
  } catch {
    return; // EAGAIN: full
  }
}

/** Starts the agent with this stderr, and has it do all that an agent does. */
async function serves(stderr: number): Promise<AgentProcess> {
  const agent = node.startMuted(stderr, "--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  const pod = await makeNetns();
  await node.add("c1", pod);
  await node.del("c1", pod.path);
  await pod.remove();
  return agent;
}

test("an agent whose stderr is a full pipe that nobody reads serves pods and ends by itself; its lines are there once it is read", async () => {
  const { reader, writer } = openPipe();
  const stderr = openStderr();
  fill(writer);
  const agent = await serves(stderr);
  assert.match(readAll(reader), /^x+$/);
  let text = "";
  await eventually("the lines come", () => (text += readAll(reader)).includes('"msg":"Ready"'));
  assert.match(text.trimStart(), /^\{"level":"info","time":"[^"]+","version":"[^"]+","node":"node-1"/);
  for (const line of text.trim().split("\n")) assert.doesNotThrow(() => JSON.parse(line), line);
  assert.equal(await agent.metric(LOST), 0);
  fill(writer);
  assert.equal(await agent.end("SIGTERM"), 0);
});

test("an agent whose stderr is closed goes on, counts the lines that it loses, and tells once somebody reads again", async () => {
  const { reader, writer } = openPipe();
  const stderr = openStderr();
  close(writer);
  close(reader);
  const agent = await serves(stderr);
  close(stderr);
  const lost = (await agent.metric(LOST)) ?? 0;
  assert.ok(lost > 0, `${lost} lines lost`);
  const again = open(fifo, O_RDONLY);
  node.writeNodes("10.244.1.0/24", "10.244.2.0/24");
  let text = "";
  await eventually("it is told", () => (text += readAll(again)).includes("Lost log lines"));
  const told = text.split("\n").find((line) => line.includes("Lost log lines"));
  assert.ok((JSON.parse(told ?? "{}") as { lost: number }).lost >= lost, told);
  assert.equal(await agent.end("SIGTERM"), 0);
});

test("an agent whose log is on a full disk goes on, and counts the lines that it loses", async () => {
  const agent = await serves(open("/dev/full", O_WRONLY));
  assert.ok(((await agent.metric(LOST)) ?? 0) > 0);
  assert.equal(await agent.end("SIGTERM"), 0);
});
