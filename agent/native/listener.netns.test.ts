import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { loadNative } from "../kernel/socket/native.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import { type Addon, loadAddon } from "./addon.ts";
import type { ListenHandlers } from "./connection-table.ts";
import { createConnections } from "./connections.ts";
import { createListener } from "./listener.ts";
import { answerOf, client, echo, frameOf, type Listening, makeFolder, serve } from "./test/serve.ts";

assertInsideTestNamespaces();

const native = loadNative();
const { newPath, remove } = makeFolder();

after(async () => {
  await eventually("all connections are closed", () => native.pending() === 0);
  remove();
});

function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd");
}

test("listen() makes a socket that only root may use", async () => {
  await serve(native, { path: newPath() }, async ({ path }) => {
    assert.ok(lstatSync(path).isSocket());
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

test("stop() loses nobody who is queued, and nobody can come after it", async () => {
  await serve(native, { path: newPath() }, async ({ path, listener, requests }) => {
    // connect() is done at once, accept() not before the event loop runs: all of them are in the queue now.
    const sockets = Array.from({ length: 100 }, (_, index) => {
      const socket = connect({ path, allowHalfOpen: true });
      socket.write(frameOf(`client ${index}`));
      return socket;
    });
    listener.stop();
    assert.ok(!existsSync(path));
    assert.equal(native.pending(), 100);
    await assert.rejects(once(connect(path), "connect"), { code: "ENOENT" });
    await eventually("all requests are there", () => requests.length === 100);
    for (const request of requests) native.reply(request.connection, echo(request));
    const answers = await Promise.all(sockets.map(async (socket) => await answerOf(socket)));
    assert.deepEqual(new Set(answers), new Set(sockets.map((_, index) => `client ${index}`)));
    listener.stop();
  });
});

test("stop() leaves the socket of a successor alone", async () => {
  await serve(native, { path: newPath() }, async ({ path, listener }) => {
    rmSync(path);
    await serve(native, { path, reply: echo }, async () => {
      listener.stop();
      assert.equal(await answerOf(await client(path, frameOf("new"))), "new");
    });
  });
});

test("listen() replaces the socket file of a process that is dead", async () => {
  const path = newPath();
  const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await promisify(execFile)(process.execPath, ["-e", code]).catch(() => undefined);
  assert.ok(lstatSync(path).isSocket());
  await serve(native, { path, reply: echo }, async () => {
    assert.equal(await answerOf(await client(path, frameOf("alive"))), "alive");
  });
});

test("listen() fails when somebody else listens, and harms nobody", async () => {
  const handlers = { onRequest: () => undefined, onGone: () => undefined, onRefused: () => undefined };
  await serve(native, { path: newPath(), reply: echo }, async ({ path, refused }) => {
    const open = openDescriptors().length;
    assert.throws(() => native.listen(path, handlers), {
      code: "EADDRINUSE",
      message: `Cannot listen on socket "${path}": EADDRINUSE (bind: address already in use)`,
    });
    assert.equal(openDescriptors().length, open);
    assert.equal(await answerOf(await client(path, frameOf("still here"))), "still here");
    assert.deepEqual(refused, []);
  });
  const path = newPath();
  const foreign = createServer().listen(path);
  await once(foreign, "listening");
  assert.throws(() => native.listen(path, handlers), { code: "EADDRINUSE" });
  foreign.close();
});

test("listen() says what is wrong with its path", () => {
  const handlers = { onRequest: () => undefined, onGone: () => undefined, onRefused: () => undefined };
  const file = newPath();
  writeFileSync(file, "keep me");
  assert.throws(() => native.listen(file, handlers), { code: "ENOTSOCK" });
  assert.ok(lstatSync(file).isFile());
  const long = `${file}${"x".repeat(110)}`;
  assert.throws(() => native.listen(long, handlers), {
    name: "RangeError",
    message: /a path has 1 to 107 bytes/,
  });
  assert.throws(() => native.listen(join(newPath(), "s"), handlers), {
    code: "ENOENT",
    syscall: "bind",
  });
});

/** The listener with an addon that answers differently in one thing. */
function withAddon(addon: Addon): Listening {
  const connections = createConnections(addon, 1000);
  return {
    listen: (path: string, handlers: ListenHandlers) =>
      createListener(addon, connections, { path, handlers }),
    reply: (connection, bytes) => connections.reply(connection, bytes),
    drop: (connection) => connections.drop(connection),
    close: (fd) => native.close(fd),
  };
}

test("createListener() refuses peers that are not root", async () => {
  // Only one user exists in the namespace of the tests, so the kernel's answer is replaced.
  const addon: Addon = { ...loadAddon(), peerUid: () => 65534 };
  await serve(withAddon(addon), { path: newPath(), reply: echo }, async ({ path, requests, refused }) => {
    await answerOf(await client(path, frameOf("let me in")));
    assert.deepEqual(refused, ["peer has uid 65534, not 0"]);
    assert.deepEqual(requests, []);
  });
});

test("createListener() survives a shortage of descriptors", async () => {
  const real = loadAddon();
  let shortages = 2;
  const accept = (fd: number): number => {
    shortages -= 1;
    return shortages >= 0 ? -constants.errno.EMFILE : real.accept(fd);
  };
  const addon: Addon = { ...real, accept };
  await serve(withAddon(addon), { path: newPath(), reply: echo }, async ({ path, refused }) => {
    assert.equal(await answerOf(await client(path, frameOf("patient"))), "patient");
    assert.deepEqual(refused, ["accept: EMFILE", "accept: EMFILE"]);
  });
});
