import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeReplyFrame, encodeRequestFrame } from "./request/frame.ts";
import { silentLog } from "../testing/silent-log.ts";
import { CniError } from "./cni-error.ts";
import type { Commands } from "./verbs/commands.ts";
import { createKeyedLock } from "../lib/keyed-lock.ts";
import { createLimiter } from "../lib/limiter.ts";
import { type ServedCall, type ShimTransport, startCniServer } from "./server.ts";

const STARTED = { startedNs: 123_456_789n };

const conf = JSON.stringify({ cniVersion: "0.4.0", name: "causeway", type: "causeway" });
const del = { CNI_COMMAND: "DEL", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0" };

interface Setup {
  readonly replies: { connection: number; exitCode: number; stdout: string }[];
  readonly closed: number[];
  /** Connections that were closed without a reply. */
  readonly dropped: number[];
  /** Connections whose peers have hung up. */
  readonly gone: Set<number>;
  readonly observed: ServedCall[];
  readonly server: ReturnType<typeof startCniServer>;
  handlers: Parameters<ShimTransport["listen"]>[1];
  isListening: boolean;
}

function setUp(commands: Commands): Setup {
  const setup: Partial<Setup> & Pick<Setup, "replies" | "closed" | "dropped" | "gone" | "observed"> = {
    replies: [],
    closed: [],
    dropped: [],
    gone: new Set(),
    observed: [],
  };
  const transport: ShimTransport = {
    listen(_path, handlers) {
      setup.handlers = handlers;
      setup.isListening = true;
      return { stop: () => (setup.isListening = false) };
    },
    reply(connection, bytes) {
      const frame = Buffer.from(bytes);
      setup.replies.push({
        connection,
        exitCode: frame.readUInt16BE(10),
        stdout: frame.toString("utf8", 12),
      });
    },
    isGone: (connection) => setup.gone.has(connection),
    descriptorOf: (connection) => 100 + connection,
    drop: (connection) => setup.dropped.push(connection),
    close: (fd) => setup.closed.push(fd),
    whenIdle: () => Promise.resolve(),
  };
  const server = startCniServer({
    transport,
    socket: "/run/causeway/agent.sock",
    commands,
    log: silentLog,
    monotonicNs: () => STARTED.startedNs + 2_000_000n,
    observe: (call) => setup.observed.push(call),
  });
  return Object.assign(setup, { server }) as Setup;
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("startCniServer() replies what the command answers, and measures from the start of the shim", async () => {
  const { handlers, replies, observed } = setUp(() => Promise.resolve("done\n"));
  handlers.onRequest(1, encodeRequestFrame(del, conf, STARTED), []);
  await settle();
  assert.deepEqual(replies, [{ connection: 1, exitCode: 0, stdout: "done\n" }]);
  assert.deepEqual(observed, [
    {
      command: "DEL",
      pod: undefined,
      containerId: "c1",
      ifname: "eth0",
      ms: 2,
      code: 0,
      error: undefined,
    },
  ]);
});

test("startCniServer() replies an error in the version of the configuration", async () => {
  const { handlers, replies, observed } = setUp(() => Promise.reject(new CniError(101, "full")));
  handlers.onRequest(1, encodeRequestFrame(del, conf, STARTED), []);
  await settle();
  assert.deepEqual(replies, [
    { connection: 1, exitCode: 1, stdout: '{"cniVersion":"0.4.0","code":101,"msg":"full"}\n' },
  ]);
  assert.equal(observed[0]?.code, 101);
});

test("startCniServer() replies code 5 to a failure that has no code", async () => {
  const { handlers, replies } = setUp(() => Promise.reject(new Error("EPERM")));
  handlers.onRequest(1, encodeRequestFrame(del, conf, STARTED), []);
  await settle();
  assert.equal(replies[0]?.stdout, '{"cniVersion":"0.4.0","code":5,"msg":"EPERM"}\n');
});

test("startCniServer() answers a frame of garbage and closes its descriptors", async () => {
  const { handlers, replies, closed, observed } = setUp(() => Promise.resolve(""));
  handlers.onRequest(1, Buffer.from("CWAY\0\0\0\u0001x"), [7, 8]);
  await settle();
  assert.match(replies[0]?.stdout ?? "", /^\{"cniVersion":"1.0.0","code":5,"msg":"Cannot read request frame/);
  assert.deepEqual(closed, [7, 8]);
  assert.equal(observed[0]?.command, "unknown");
});

test("startCniServer() counts a made-up command as unknown: no caller can grow the metrics", async () => {
  const { handlers, observed } = setUp(() => Promise.resolve(""));
  handlers.onRequest(1, encodeRequestFrame({ ...del, CNI_COMMAND: "X".repeat(1000) }, conf, STARTED), []);
  await settle();
  assert.deepEqual(
    observed.map(({ command, code }) => ({ command, code })),
    [{ command: "unknown", code: 4 }],
  );
});

test("startCniServer() lets a command ask whether its runtime has gone", async () => {
  const answers: boolean[] = [];
  const { handlers, gone } = setUp((_request, caller) => {
    answers.push(caller.isGone());
    gone.add(1);
    answers.push(caller.isGone());
    return Promise.resolve("");
  });
  handlers.onRequest(1, encodeRequestFrame(del, conf, STARTED), []);
  await settle();
  assert.deepEqual(answers, [false, true]);
});

test("stop() accepts no more and waits for what runs", async () => {
  let finish = (): void => undefined;
  const setup = setUp(() => new Promise((resolve) => (finish = () => resolve(""))));
  setup.handlers.onRequest(1, encodeRequestFrame(del, conf, STARTED), []);
  await settle();
  let stopped = false;
  const stopping = setup.server.stop().then(() => (stopped = true));
  await settle();
  assert.equal(setup.isListening, false);
  assert.equal(stopped, false);
  finish();
  await stopping;
  assert.equal(setup.replies.length, 1);
});

test("createLimiter() keeps the order of those who wait, and a newcomer cannot overtake", async () => {
  const limiter = createLimiter(1);
  const order: number[] = [];
  await Promise.all([1, 2, 3].map((n) => limiter.run(() => Promise.resolve(order.push(n)))));
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(limiter.waiting(), 0);
});

test("createLimiter() goes on after a failure", async () => {
  const limiter = createLimiter(1);
  const outcomes = await Promise.allSettled([
    limiter.run(() => Promise.reject(new Error("no"))),
    limiter.run(() => Promise.resolve("yes")),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "fulfilled"],
  );
});

test("createLimiter() never runs more than its limit", async () => {
  const limiter = createLimiter(3);
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, () =>
      limiter.run(async () => {
        most = Math.max(most, ++running);
        await settle();
        running--;
      }),
    ),
  );
  assert.equal(most, 3);
});

test("createKeyedLock() runs one key in order, others beside it, and goes on after a failure", async () => {
  const lock = createKeyedLock();
  const order: string[] = [];
  const slow = lock.run("a", async () => {
    await settle();
    order.push("a1");
    throw new Error("no");
  });
  const behind = lock.run("a", () => Promise.resolve(order.push("a2")));
  await lock.run("b", () => Promise.resolve(order.push("b")));
  await Promise.allSettled([slow, behind]);
  assert.deepEqual(order, ["b", "a1", "a2"]);
});

test("startCniServer() does not answer twice, and rolls nothing back, when the kernel's thread has answered an ADD", async () => {
  let sent: Buffer | undefined;
  const answers: boolean[] = [];
  const { handlers, gone, replies, dropped, observed } = setUp((_request, caller) => {
    const earlyReply = caller.earlyReply("made\n");
    assert.equal(earlyReply?.socket, 101);
    sent = earlyReply.bytes;
    earlyReply.sent();
    // The shim has its answer and ends.
    gone.add(1);
    answers.push(caller.isGone());
    return Promise.resolve("made\n");
  });
  handlers.onRequest(1, encodeRequestFrame(del, conf), []);
  await settle();
  assert.deepEqual(decodeReplyFrame(sent ?? Buffer.alloc(0)), { exitCode: 0, stdout: "made\n" });
  assert.deepEqual({ answers, replies, dropped }, { answers: [false], replies: [], dropped: [1] });
  assert.deepEqual(
    observed.map(({ code }) => code),
    [0],
  );
});

test("startCniServer() has no early reply for more than a socket takes at once", async () => {
  const { handlers, replies } = setUp((_request, caller) => {
    const stdout = "x".repeat(20_000);
    assert.equal(caller.earlyReply(stdout), undefined);
    return Promise.resolve(stdout);
  });
  handlers.onRequest(1, encodeRequestFrame(del, conf), []);
  await settle();
  assert.equal(replies[0]?.stdout.length, 20_000);
});

test("startCniServer() keeps no more of a request than a line of the log can bear, whatever its names", async () => {
  const { handlers, observed } = setUp(() => Promise.reject(new Error("no")));
  const long = "x".repeat(500_000);
  const environment = { ...del, CNI_CONTAINERID: long, CNI_IFNAME: long, CNI_ARGS: `K8S_POD_NAME=${long}` };
  handlers.onRequest(1, encodeRequestFrame(environment, conf, STARTED), []);
  await settle();
  assert.ok(JSON.stringify(observed).length < 2000, `${JSON.stringify(observed).length} characters`);
});
