import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import { loadAddon } from "../../native/addon.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { runOnHost } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import type { HttpLimits } from "./admission.ts";
import { type Handler, textAnswer } from "./answer.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";
import { keepListening } from "./keep-listening.ts";

assertInsideTestNamespaces();

const addon = loadAddon();
const LIMITS: HttpLimits = {
  open: 64,
  openPerPeer: 64,
  gapMs: 0,
  deadlineMs: 60_000,
};
const servers: HttpServer[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server whose /never is not answered; counts what reaches a handler. */
function serve(limits: Partial<HttpLimits> = {}, address = "127.0.0.1"): { port: number; calls: string[] } {
  const calls: string[] = [];
  const note =
    (answer: Handler): Handler =>
    (request) => {
      calls.push(request.path);
      return answer(request);
    };
  const server = startHttpServer({
    addon,
    listen: { address, port: 0 },
    limits: { ...LIMITS, ...limits },
    hosts: { added: [], addresses: () => [] },
    routes: {
      "/fine": note(() => textAnswer(200, "fine\n")),
      "/large": note(() => textAnswer(200, "x".repeat(20_000_000))),
      "/never": note(() => new Promise(() => undefined)),
      "/broken": note(() => Promise.reject(new Error("no kernel"))),
    },
  });
  servers.push(server);
  return { port: server.port, calls };
}

function client(port: number, localAddress = "127.0.0.1"): Socket {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => undefined); // being cut off is what most of these are for
  return socket;
}

/** A reset is an end like any other. */
async function closed(socket: Socket): Promise<void> {
  await new Promise((resolve) => socket.resume().once("close", resolve));
}

/** All that comes until the end, after these bytes were sent. */
async function exchange(socket: Socket, bytes: string): Promise<string> {
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  socket.write(bytes, "latin1");
  await closed(socket);
  return text;
}

const request = (path: string, method = "GET"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const isServed = async (socket: Socket): Promise<boolean> =>
  (await exchange(socket, request("/fine"))).startsWith("HTTP/1.1 200 ");

test("a request is answered, and the connection ends with the answer", async () => {
  const { port } = serve();
  const text = await exchange(client(port), request("/fine"));
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(text, /\r\nconnection: close\r\n/);
  assert.match(text, /\r\ncontent-length: 5\r\n[^]*\r\n\r\nfine\n$/);
});

test("HEAD has the head alone, other methods are refused, a failure is told", async () => {
  const { port } = serve();
  assert.match(
    await exchange(client(port), request("/fine", "HEAD")),
    /\r\ncontent-length: 5\r\n[^]*\r\n\r\n$/,
  );
  assert.match(
    await exchange(client(port), request("/fine", "POST")),
    /^HTTP\/1\.1 405 [^]*\r\nallow: GET, HEAD\r\n/,
  );
  assert.match(await exchange(client(port), request("//")), /^HTTP\/1\.1 404 [^]*available: \/fine, /);
  assert.match(await exchange(client(port), request("/constructor")), /^HTTP\/1\.1 404 /);
  assert.match(
    await exchange(client(port), request("/broken")),
    /^HTTP\/1\.1 500 [^]*Cannot answer: no kernel\n$/,
  );
});

test("a name that is not the node's is refused before anything is read (DNS rebinding)", async () => {
  const { port, calls } = serve();
  const text = await exchange(client(port), "GET /fine HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  assert.match(text, /^HTTP\/1\.1 421 /);
  assert.deepEqual(calls, []);
});

test("of a thousand requests in one connection the first is answered, and the connection closed", async () => {
  const { port, calls } = serve();
  const text = await exchange(client(port), request("/fine").repeat(1000));
  assert.ok(text.split("HTTP/1.1 200 ").length <= 2, text);
  assert.deepEqual(calls, ["/fine"]);
});

test("a request that smuggles another is refused", async () => {
  const { port, calls } = serve();
  const smuggled = `POST /fine HTTP/1.1\r\nHost: localhost\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  assert.match(await exchange(client(port), `${smuggled}${request("/fine")}`), /^HTTP\/1\.1 413 /);
  assert.deepEqual(calls, []);
});

test("a head that does not end is refused after 8 KB, and one that drips after a few reads", async () => {
  const { port } = serve();
  const bomb = `GET /fine HTTP/1.1\r\nHost: localhost\r\n${"A: b\r\n".repeat(10_000)}`;
  // What it sends behind that is never read, so the answer may be lost to a reset.
  assert.match(await exchange(client(port), bomb), /^$|^HTTP\/1\.1 431 /);
  const dripping = client(port).setNoDelay();
  let sent = 0;
  const drip = setInterval(() => sent++ < 10_000 && dripping.write("x"), 1);
  await closed(dripping);
  clearInterval(drip);
  assert.ok(sent < 1000, `${sent} bytes`);
});

test("who sends nothing, or does not read the answer, is cut off", async () => {
  const { port } = serve({ deadlineMs: 100 });
  const silent = client(port);
  const unread = client(port);
  await once(unread, "connect");
  unread.write(request("/large"));
  unread.pause();
  await closed(silent);
  await eventually("nobody is left", async () => {
    const sockets = await runOnHost("ss", "-Htn", "state", "established", "sport", `:${port}`);
    return sockets === "";
  });
  unread.destroy();
});

test("one peer has a few connections; another has his own", async () => {
  const { port } = serve({ openPerPeer: 2 });
  const held = [client(port), client(port)];
  for (const socket of held) socket.write(request("/never"));
  await Promise.all(held.map((socket) => once(socket, "connect")));
  await eventually("a third is refused", async () => !(await isServed(client(port))));
  assert.ok(await isServed(client(port, "127.0.0.2")));
  for (const socket of held) socket.destroy();
});

test("1,000 connections that say nothing make room for one that does", async () => {
  const { port } = serve({ open: 8 });
  const before = readdirSync("/proc/self/fd").length;
  const idle = Array.from({ length: 1000 }, (_, index) => client(port, `127.0.1.${index % 250}`));
  await Promise.all(idle.map((socket) => once(socket.resume(), "connect")));
  assert.ok(await isServed(client(port, "127.0.0.2")));
  for (const socket of idle) socket.destroy();
  await eventually("no descriptor is left", () => readdirSync("/proc/self/fd").length <= before + 8);
});

test("connections are taken one after the other: what is more waits in the kernel", async () => {
  const gapMs = 20;
  const { port } = serve({ gapMs });
  const startMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 6 }, () => isServed(client(port))));
  assert.ok(answers.every(Boolean));
  const tookMs = performance.now() - startMs;
  // A timer of Node.js may be early by less than a millisecond.
  assert.ok(tookMs >= 5 * (gapMs - 1), `six within ${tookMs} ms`);
});

test("a client that is gone when its answer comes is nobody's trouble", async () => {
  const { port, calls } = serve();
  const socket = client(port);
  socket.write(request("/large"));
  await eventually("it is asked for", () => calls.length === 1);
  socket.resetAndDestroy();
  assert.ok(await isServed(client(port)));
});

test("[::] serves both families, each under its own addresses", async () => {
  const { port } = serve({}, "::");
  assert.match(
    await exchange(client(port), `GET /fine HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`),
    / 200 /,
  );
  const socket = connect({ port, host: "::1" });
  assert.match(await exchange(socket, `GET /fine HTTP/1.1\r\nHost: [::1]:${port}\r\n\r\n`), / 200 /);
});

test("a port that somebody else has is told, and taken once it is free", async () => {
  const { port } = serve();
  const clock = createFakeClock();
  const faults: (string | undefined)[] = [];
  const kept = keepListening({
    start: () =>
      startHttpServer({
        addon,
        listen: { address: "127.0.0.1", port },
        limits: LIMITS,
        hosts: { added: [], addresses: () => [] },
        routes: { "/fine": () => textAnswer(200, "kept\n") },
      }),
    clock,
    onFault: (reason) => faults.push(reason),
  });
  assert.deepEqual(faults, [
    `Cannot listen on http 127.0.0.1:${port}: EADDRINUSE (bind: address already in use)`,
  ]);
  assert.equal(kept.port(), undefined);
  servers.splice(0)[0]?.close();
  await clock.advance(5000);
  assert.deepEqual([faults.at(-1), kept.port()], [undefined, port]);
  assert.match(await exchange(client(port), request("/fine")), /kept\n$/);
  kept.close();
  assert.equal(clock.pending(), 0);
});
