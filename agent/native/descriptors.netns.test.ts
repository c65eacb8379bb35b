import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { loadNative } from "../kernel/socket/native.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import { MAX_SERVED } from "./connection-table.ts";
import { echo, frameOf, makeFolder, serve } from "./test/serve.ts";

assertInsideTestNamespaces();

const native = loadNative();
const { newPath, remove } = makeFolder();

const program = newPath();

before(() => {
  const source = new URL("test/send-fds.c", import.meta.url).pathname;
  execFileSync("gcc", ["-Wall", "-Wextra", "-Werror", "-O1", "-o", program, source]);
});

after(async () => {
  await eventually("all connections are closed", () => native.pending() === 0);
  remove();
});

async function sendFds(path: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [path, "0", ...args]);
  return Buffer.from(stdout, "hex").toString();
}

function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd");
}

test("listen() hands over two descriptors, and whether they come together or not", async () => {
  const whole = frameOf("with descriptors").toString("hex");
  for (const args of [
    ["2", whole],
    ["1", whole.slice(0, 2), "1", whole.slice(2)],
    ["0", whole.slice(0, 16), "2", whole.slice(16)],
  ]) {
    await serve(native, { path: newPath(), reply: echo }, async ({ path, requests, refused }) => {
      assert.equal(await sendFds(path, ...args), "with descriptors");
      assert.deepEqual(refused, []);
      const fds = requests[0]?.fds ?? [];
      assert.equal(fds.length, 2);
      for (const fd of fds) {
        assert.equal(statSync(`/proc/self/fd/${fd}`).rdev, statSync("/dev/null").rdev);
        const flags = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
        assert.match(flags, /flags:\s+0?2[0-7]{6}$/m, "close-on-exec");
      }
    });
  }
});

test("listen() refuses more than two descriptors and closes them all", async () => {
  const whole = frameOf("too many").toString("hex");
  await serve(native, { path: newPath(), reply: echo }, async ({ path, requests, refused }) => {
    const open = openDescriptors().length;
    for (const args of [
      ["3", whole],
      ["250", whole],
      ["2", whole.slice(0, 2), "1", whole.slice(2)],
      ["2", whole.slice(0, 16), "2", whole.slice(16)],
      ["1", `${whole}00`],
    ]) {
      await sendFds(path, ...args).catch(() => ""); // the client may see ECONNRESET
    }
    assert.equal(requests.length, 0);
    assert.deepEqual(
      refused.map((reason) => reason.split(",")[0]),
      [...Array.from({ length: 4 }, () => "more than 2 descriptors"), "bytes after the frame"],
    );
    await eventually("all descriptors are closed", () => openDescriptors().length === open);
  });
});

test("listen() closes descriptors of a frame that never came", async () => {
  const open = openDescriptors().length;
  const on = loadNative({ peerTimeoutMs: 50 });
  await serve(on, { path: newPath() }, async ({ path, refused }) => {
    const part = frameOf("never").subarray(0, 9).toString("hex");
    await sendFds(path, "2", part).catch(() => "");
    await eventually("it is refused", () => refused.length === 1);
  });
  await eventually("all descriptors are closed", () => openDescriptors().length === open);
});

test("600 requests at once wait for descriptors where a process has 1,024 of them", async () => {
  const path = newPath();
  const script = new URL("../testing/agent/hold-requests.ts", import.meta.url).pathname;
  const server = spawn("prlimit", ["--nofile=1024:1024", process.execPath, script, path]);
  const output: string[] = [];
  server.stdout.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  server.stderr.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  try {
    await eventually("the server listens", () => output.join("") === "listening\n");
    const names = Array.from({ length: 600 }, (_, index) => `request ${index}`);
    const answers = names.map((name) => sendFds(path, "2", frameOf(name).toString("hex")));
    const held = (): number => output.join("").split("held\n").length - 1;
    await everybodyIsThere(path, names.length, held);
    server.stdin.end();
    assert.deepEqual(await Promise.all(answers), names);
    assert.doesNotMatch(output.join(""), /refused/);
  } finally {
    server.kill();
    await once(server, "close");
  }
});

test("stop() serves everybody who is queued, also those beyond what is served at a time", async () => {
  await serve(native, { path: newPath() }, async ({ path, listener, requests }) => {
    const names = Array.from({ length: MAX_SERVED + 50 }, (_, index) => `request ${index}`);
    const answers = names.map((name) => sendFds(path, "2", frameOf(name).toString("hex")));
    await everybodyIsThere(path, names.length, () => requests.length);
    listener.stop();
    for (const request of requests) {
      native.reply(request.connection, echo(request));
      for (const fd of request.fds.splice(0)) native.close(fd);
    }
    assert.deepEqual(await Promise.all(answers), names);
    await native.whenIdle();
  });
});

/**
 * Waits until as many are held as there may be, and all others are queued. One that is accepted before its
 * frame is there is held beyond that number.
 */
async function everybodyIsThere(path: string, count: number, held: () => number): Promise<void> {
  const seen = () => ({ held: held(), queued: queuedAt(path) });
  const isSo = (): boolean => held() >= MAX_SERVED && held() + queuedAt(path) === count;
  await eventually("all others are queued", isSo, seen);
  assert.ok(queuedAt(path) > 0, "some have to wait");
}

/** Connections that wait to be accepted: column Recv-Q of a listening socket. */
function queuedAt(path: string): number {
  const lines = execFileSync("ss", ["-xlHn", "src", path], { encoding: "utf8" });
  return Number(lines.trim().split(/\s+/)[2]);
}
