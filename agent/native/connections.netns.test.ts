import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { loadNative } from "../kernel/socket/native.ts";
import { eventually } from "../testing/machine/eventually.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import { answerOf, client, echo, frameOf, header, makeFolder, type Request, serve } from "./test/serve.ts";

assertInsideTestNamespaces();

const native = loadNative();
const { newPath, remove } = makeFolder();

after(async () => {
  await eventually("all connections are closed", () => native.pending() === 0);
  remove();
});

test("listen() hands over a frame whole and once, however it is cut, and writes the reply", async () => {
  const big = Buffer.alloc(2 * 1024 * 1024, "x");
  const bodies: readonly (readonly Buffer[])[] = [
    [frameOf("hello")],
    [frameOf("")],
    Array.from(frameOf("one byte at a time"), (byte) => Buffer.of(byte)),
    [header(5000), Buffer.alloc(4999, "y"), Buffer.from("y")],
    [frameOf(big)],
  ];
  const frames: Buffer[] = [];
  const reply = (request: Request): Buffer => {
    frames.push(Buffer.from(request.frame));
    return echo(request);
  };
  await serve(native, { path: newPath(), reply }, async ({ path, requests, refused }) => {
    for (const parts of bodies) {
      const whole = Buffer.concat(parts);
      const answer = await answerOf(await client(path, ...parts));
      assert.ok(answer === whole.subarray(8).toString());
      assert.ok(frames.at(-1)?.equals(whole));
      assert.deepEqual(requests.at(-1)?.fds, []);
    }
    assert.equal(frames.length, bodies.length);
    assert.deepEqual(refused, []);
  });
});

for (const { name, parts, want } of [
  { name: "garbage", parts: [Buffer.from("GET / HTTP/1.1\r\n\r\n")], want: "wrong magic" },
  { name: "a length over 2 MiB", parts: [header(2 * 1024 * 1024 + 1)], want: /^length 2097153, more than/ },
  { name: "the largest length there is", parts: [header(0xffffffff)], want: /^length 4294967295, more than/ },
  {
    name: "bytes behind the frame, in the same piece",
    parts: [Buffer.concat([frameOf("x"), Buffer.of(1)])],
    want: "bytes after the frame",
  },
  {
    name: "bytes behind a frame that filled the buffer",
    parts: [Buffer.concat([frameOf(Buffer.alloc(4088)), Buffer.of(1)])],
    want: "bytes after the frame",
  },
]) {
  test(`listen() refuses ${name}, and goes on listening`, async () => {
    await serve(native, { path: newPath(), reply: echo }, async ({ path, requests, refused }) => {
      const socket = await client(path, ...parts);
      await answerOf(socket);
      assert.equal(requests.length, 0);
      assert.equal(refused.length, 1);
      assert.match(refused[0]!, want instanceof RegExp ? want : new RegExp(`^${want}$`));
      assert.equal(await answerOf(await client(path, frameOf("next"))), "next");
    });
  });
}

test("listen() reports a frame that ends early, but not a look whether somebody listens", async () => {
  await serve(native, { path: newPath() }, async ({ path, refused, gone }) => {
    (await client(path)).destroy();
    (await client(path, frameOf("unfinished").subarray(0, 11))).destroy();
    await eventually("the broken frame is reported", () => refused.length > 0);
    assert.deepEqual(refused, ["closed after 11 bytes"]);
    assert.deepEqual(gone, []);
  });
});

test("listen() closes a connection that does not send its frame in time", async () => {
  const on = loadNative({ peerTimeoutMs: 50 });
  await serve(on, { path: newPath(), reply: echo }, async ({ path, refused }) => {
    await answerOf(await client(path, header(10)));
    assert.deepEqual(refused, ["no whole frame within 50 ms"]);
    assert.equal(await answerOf(await client(path, frameOf("next"))), "next");
  });
});

test("listen() leaves a request alone that is served for longer than a peer may take", async () => {
  const on = loadNative({ peerTimeoutMs: 20 });
  await serve(on, { path: newPath() }, async ({ path, requests, refused, gone }) => {
    const served = await client(path, frameOf("slow"));
    await eventually("the request is there", () => requests.length === 1);
    await answerOf(await client(path, header(10)));
    await answerOf(await client(path, header(10)));
    on.reply(requests[0]!.connection, Buffer.from("late"));
    assert.equal(await answerOf(served), "late");
    assert.equal(refused.length, 2);
    assert.deepEqual(gone, []);
  });
});

test("listen() takes memory for what a peer has sent, not for what it announces", async () => {
  await serve(native, { path: newPath() }, async ({ path }) => {
    const bytesBefore = process.memoryUsage().arrayBuffers;
    const sockets = await Promise.all(
      Array.from({ length: 50 }, () => client(path, header(2 * 1024 * 1024))),
    );
    await eventually("all are connected", () => native.pending() === 50);
    assert.ok(process.memoryUsage().arrayBuffers - bytesBefore < 10 * 1024 * 1024);
    for (const socket of sockets) socket.destroy();
    await eventually("all are closed", () => native.pending() === 0);
  });
});

test("onGone() is called when the peer hangs up before the reply, and the reply is then dropped", async () => {
  await serve(native, { path: newPath() }, async ({ path, requests, gone, refused }) => {
    const socket = await client(path, frameOf("add"));
    await eventually("the request is there", () => requests.length === 1);
    assert.deepEqual(gone, []);
    socket.destroy();
    await eventually("the end is noticed", () => gone.length > 0);
    assert.deepEqual(gone, [requests[0]!.connection]);
    native.reply(requests[0]!.connection, Buffer.from("too late"));
    assert.deepEqual(refused, []);
    assert.equal(native.pending(), 0);
  });
});

test("onGone() is called for a frame whose sender has hung up already", async () => {
  await serve(native, { path: newPath() }, async ({ path, requests, gone }) => {
    const socket = connect({ path });
    socket.write(frameOf("add"));
    socket.destroySoon();
    await eventually("the end is noticed", () => gone.length > 0);
    assert.equal(requests.length, 1);
  });
});

test("onGone() is called when the peer sends more while its request is served", async () => {
  await serve(native, { path: newPath() }, async ({ path, requests, gone, refused }) => {
    const socket = await client(path, frameOf("add"));
    await eventually("the request is there", () => requests.length === 1);
    socket.write("more");
    await eventually("the end is noticed", () => gone.length > 0);
    assert.deepEqual(refused, ["bytes after the frame"]);
  });
});

test("drop() closes without a reply", async () => {
  await serve(native, { path: newPath() }, async ({ path, requests, gone }) => {
    const socket = await client(path, frameOf("add"));
    await eventually("the request is there", () => requests.length === 1);
    native.drop(requests[0]!.connection);
    assert.equal(await answerOf(socket), "");
    assert.deepEqual(gone, []);
  });
});

test("reply() finishes a reply that does not fit into the socket", async () => {
  const big = Buffer.alloc(3 * 1024 * 1024, "z");
  await serve(native, { path: newPath(), reply: () => big }, async ({ path }) => {
    const socket = await client(path, frameOf("check"));
    await eventually("the reply waits for its reader", () => native.pending() === 1);
    assert.equal((await answerOf(socket))?.length, big.length);
  });
});

test("reply() gives up on a peer that does not read", async () => {
  const on = loadNative({ peerTimeoutMs: 50 });
  await serve(
    on,
    { path: newPath(), reply: () => Buffer.alloc(3 * 1024 * 1024) },
    async ({ path, refused }) => {
      const socket = connect({ path, allowHalfOpen: true });
      socket.pause();
      socket.write(frameOf("check"));
      await eventually("it is given up", () => refused.length > 0);
      assert.deepEqual(refused, ["reply not read within 50 ms"]);
      assert.equal(on.pending(), 0);
      socket.destroy();
    },
  );
});

test("frames that arrive in turns and in parts are not mixed up: connections share the memory that they read into", async () => {
  await serve(native, { path: newPath() }, async ({ path, requests }) => {
    const bodies = ["a", "b", "c"].map((letter) => letter.repeat(30_000));
    const frames = bodies.map(frameOf);
    const sockets = await Promise.all(frames.map(async () => await client(path, Buffer.alloc(0))));
    for (let start = 0; start < frames[0]!.length; start += 7001) {
      for (const [index, socket] of sockets.entries()) {
        await new Promise((resolve) => socket.write(frames[index]!.subarray(start, start + 7001), resolve));
      }
    }
    await eventually("the requests are there", () => requests.length === bodies.length);
    assert.deepEqual(requests.map(({ frame }) => frame.subarray(8).toString()).toSorted(), bodies);
    for (const { connection } of requests) native.drop(connection);
  });
});

test("isGone() sees a hang-up that the event loop has not told yet: an ADD may be done before that", async () => {
  await serve(native, { path: newPath() }, async ({ path, requests, gone }) => {
    const socket = await client(path, frameOf("x"));
    await eventually("the request is there", () => requests.length === 1);
    const { connection } = requests[0]!;
    assert.equal(native.isGone(connection), false);
    socket.destroy();
    assert.equal(native.isGone(connection), true);
    assert.deepEqual(gone, [connection]);
  });
});
