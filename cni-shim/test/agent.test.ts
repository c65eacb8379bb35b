import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import { BUILDS } from "./builds.ts";
import { type Behaviour, replyFrame, replyWith, startFakeAgent } from "./fake-agent.ts";
import { type Host, makeHost, type Netns } from "./network.ts";
import { pollUntil } from "./poll.ts";
import { assertSilentSuccess, awaitShim, errorOf, runShim, startShim } from "./run-shim.ts";
import { makeScratch } from "./scratch.ts";

const COMMANDS = ["ADD", "CHECK", "GC", "STATUS"] as const;
const CLOSED = "agent closed the connection before it answered";

/** Replies that are no replies; `code` is what ADD, CHECK, GC and STATUS make of them. */
const BAD_REPLIES: readonly {
  readonly name: string;
  readonly bytes: Buffer;
  readonly code: number;
  readonly why: string;
}[] = [
  {
    name: "garbage",
    bytes: Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
    code: 5,
    why: 'it does not begin with "CWAY"',
  },
  {
    name: "protocol 2",
    bytes: replyFrame("x", { version: 2 }),
    code: 11,
    why: "shim speaks protocol 1, agent 2",
  },
  {
    name: "exit code 2",
    bytes: replyFrame("x", { exitCode: 2 }),
    code: 5,
    why: "its exit code 2 is neither 0 nor 1",
  },
  { name: "length 3", bytes: replyFrame("", { length: 3 }), code: 5, why: "its length 3 is below 4" },
  {
    name: "an oversized length",
    bytes: replyFrame("", { length: 5 + 1024 * 1024 }),
    code: 5,
    why: "its length 1048581 is above the limit of 1048576 bytes",
  },
  {
    name: "the largest length there is",
    bytes: replyFrame("", { length: 0xffffffff }),
    code: 5,
    why: "its length 4294967295 is above the limit of 1048576 bytes",
  },
];

/** Closes after `bytes`; code 11, for STATUS 50. */
const CUT_REPLIES: readonly { readonly name: string; readonly behaviour: Behaviour }[] = [
  { name: "nothing", behaviour: (connection) => connection.end() },
  { name: "a reset", behaviour: (connection) => connection.destroy() },
  { name: "half a header", behaviour: replyWith(replyFrame("").subarray(0, 6)) },
  { name: "half a body", behaviour: replyWith(replyFrame("result").subarray(0, 15)) },
];

function writeInPieces(connection: Socket, bytes: Uint8Array): void {
  const next = (place: number): void => {
    if (place === bytes.length) connection.end();
    else connection.write(bytes.subarray(place, place + 1), () => setImmediate(next, place + 1));
  };
  next(0);
}

for (const { name, shim, shortWait } of BUILDS) {
  suite(name, { concurrency: 4 }, () => {
    let host: Host;
    let pod: Netns;
    before(async () => {
      host = await makeHost();
      pod = await host.makePod();
    });
    after(() => host[Symbol.asyncDispose]());

    const call = (command: string, socket: string, program = shim) => ({
      command: [...host.enter, program],
      environment: { CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: pod.path, CNI_IFNAME: "eth0" },
      stdin: JSON.stringify({ cniVersion: "0.4.0", name: "n", type: "causeway", socket }),
    });

    for (const command of COMMANDS) {
      test(`${command} sends its environment and stdin, and prints the reply`, async () => {
        using scratch = makeScratch();
        await using agent = await startFakeAgent(scratch.file("s"), replyWith(replyFrame('{"ok":"é"}\n')));
        const beforeNs = process.hrtime.bigint();
        const { environment, ...rest } = call(command, scratch.file("s"));
        const variables = {
          ...environment,
          CNI_ARGS: "A=1;B=2=3",
          CNI_EMPTY: "",
          HOME: "/root",
          XCNI_Y: "1",
        };
        const answer = await runShim({ ...rest, environment: variables });
        assert.deepEqual([answer.exitCode, answer.stdout, answer.stderr], [0, '{"ok":"é"}\n', ""]);
        const frame = agent.frames[0]!;
        const sent = { ...environment, CNI_ARGS: "A=1;B=2=3", CNI_EMPTY: "", CAUSEWAY_SHIM_VERSION: "0.1.0" };
        assert.deepEqual(Object.fromEntries(frame.environment), sent);
        assert.equal(frame.stdin, rest.stdin);
        assert.ok(frame.startedNs > beforeNs && frame.startedNs < process.hrtime.bigint(), "start time");
      });

      test(`${command} prints a refusal and fails`, async () => {
        using scratch = makeScratch();
        await using _ = await startFakeAgent(
          scratch.file("s"),
          replyWith(replyFrame('{"code":7}', { exitCode: 1 })),
        );
        const answer = await runShim(call(command, scratch.file("s")));
        assert.deepEqual([answer.exitCode, answer.stdout], [1, '{"code":7}']);
      });

      test(`${command} prints nothing when the reply has no body`, async () => {
        using scratch = makeScratch();
        await using _ = await startFakeAgent(scratch.file("s"), replyWith(replyFrame("")));
        assertSilentSuccess(await runShim(call(command, scratch.file("s"))));
      });

      for (const { name: what, behaviour } of CUT_REPLIES) {
        test(`${command} reports an agent that closes after ${what}`, async () => {
          using scratch = makeScratch();
          await using _ = await startFakeAgent(scratch.file("s"), behaviour);
          const error = errorOf(await runShim(call(command, scratch.file("s"))));
          assert.deepEqual([error.cniVersion, error.code], ["0.4.0", command === "STATUS" ? 50 : 11]);
          assert.equal(error.msg, `Cannot read reply of agent at "${scratch.file("s")}": ${CLOSED}`);
        });
      }

      for (const { name: what, bytes, code, why } of BAD_REPLIES) {
        test(`${command} refuses a reply with ${what}`, async () => {
          using scratch = makeScratch();
          await using _ = await startFakeAgent(scratch.file("s"), replyWith(bytes));
          const error = errorOf(await runShim(call(command, scratch.file("s"))));
          assert.deepEqual([error.code, error.msg], [code, `Cannot read reply of agent: ${why}`]);
        });
      }

      test(`${command} names a socket that it may not open`, async () => {
        using scratch = makeScratch();
        writeFileSync(scratch.file("file"), "");
        const error = errorOf(await runShim(call(command, scratch.file("file/s"))));
        assert.equal(error.code, 5);
        const message = `Cannot connect to agent at "${scratch.file("file/s")}": ENOTDIR (Not a directory)`;
        assert.equal(error.msg, message);
      });
    }

    for (const bytes of [65_537, 700_000, 1024 * 1024]) {
      test(`a reply of ${bytes} bytes is printed whole`, async () => {
        using scratch = makeScratch();
        const body = "0123456789abcde\n".repeat(bytes / 16 + 1).slice(0, bytes);
        await using _ = await startFakeAgent(scratch.file("s"), replyWith(replyFrame(body)));
        const answer = await runShim(call("ADD", scratch.file("s")));
        assert.equal(answer.exitCode, 0);
        assert.ok(answer.stdout === body, `${answer.stdout.length} bytes`);
      });
    }

    test("a reply may come in pieces of one byte", async () => {
      using scratch = makeScratch();
      await using _ = await startFakeAgent(scratch.file("s"), (connection) => {
        writeInPieces(connection, replyFrame('{"in":"pieces"}'));
      });
      const answer = await runShim(call("ADD", scratch.file("s")));
      assert.deepEqual([answer.exitCode, answer.stdout], [0, '{"in":"pieces"}']);
    });

    test("what an agent sends behind its reply is ignored", async () => {
      using scratch = makeScratch();
      const bytes = Buffer.concat([replyFrame("one"), replyFrame("two")]);
      await using _ = await startFakeAgent(scratch.file("s"), replyWith(bytes));
      assert.equal((await runShim(call("ADD", scratch.file("s")))).stdout, "one");
    });

    for (const stdinLength of [0, 1024 * 1024]) {
      test(`an agent that refuses a request unread may still have answered it: ${stdinLength} bytes`, async () => {
        using scratch = makeScratch();
        await using _ = await startRefusingAgent(scratch.file("s"), replyFrame("busy", { exitCode: 1 }));
        const { stdin, ...rest } = call("GC", scratch.file("s"));
        const answer = await runShim({ ...rest, stdin: stdin.padEnd(stdinLength) });
        assert.deepEqual([answer.exitCode, answer.stdout], [1, "busy"]);
      });

      test(`an agent that refuses a request unread and unanswered is code 11: ${stdinLength} bytes`, async () => {
        using scratch = makeScratch();
        await using _ = await startRefusingAgent(scratch.file("s"), Buffer.alloc(0));
        const { stdin, ...rest } = call("GC", scratch.file("s"));
        const error = errorOf(await runShim({ ...rest, stdin: stdin.padEnd(stdinLength) }));
        const message = `Cannot read reply of agent at "${scratch.file("s")}": ${CLOSED}`;
        assert.deepEqual([error.code, error.msg], [11, message]);
      });
    }

    test("a CNI environment above 64 KiB is refused with the limit, one of 64 KiB is sent", async () => {
      using scratch = makeScratch();
      await using agent = await startFakeAgent(scratch.file("s"), replyWith(replyFrame("")));
      const { environment, ...rest } = call("GC", scratch.file("s"));
      const withArgs = (bytes: number) => ({
        ...rest,
        environment: { ...environment, CNI_ARGS: "x".repeat(bytes) },
      });
      assertSilentSuccess(await runShim(withArgs(0)));
      // Each variable takes its name, "=", its value and a NUL.
      const variables = [...agent.frames[0]!.environment].map(([key, value]) => `${key}=${value}\0`);
      const room = 65_536 - variables.join("").length;
      assertSilentSuccess(await runShim(withArgs(room)));
      assert.equal(agent.frames[1]?.environment.get("CNI_ARGS")?.length, room);
      const error = errorOf(await runShim(withArgs(room + 1)));
      assert.equal(error.code, 4);
      assert.equal(
        error.msg,
        "Cannot send the CNI_* variables to the agent: they are larger than 65536 bytes",
      );
    });

    for (const { what, prepare, why } of [
      { what: "has no socket", prepare: () => undefined, why: "ENOENT (No such file or directory)" },
      {
        what: "left its socket",
        prepare: (path: string) => writeFileSync(path, ""), // connect() says the same of it as of a socket whose listener died
        why: "ECONNREFUSED (Connection refused)",
      },
    ]) {
      for (const command of ["ADD", "CHECK"]) {
        test(`${command} waits for an agent that ${what}, then gives code 11`, async () => {
          using scratch = makeScratch();
          prepare(scratch.file("s"));
          const answer = await runShim(call(command, scratch.file("s"), shortWait));
          const error = errorOf(answer);
          assert.equal(error.code, 11);
          assert.equal(error.msg, `Cannot reach agent at "${scratch.file("s")}" within 400 ms: ${why}`);
          assert.ok(
            answer.elapsedMs >= 400 && answer.asleepMs < 1500,
            `${answer.elapsedMs} ms, ${answer.asleepMs} asleep`,
          );
        });
      }

      for (const { command, code } of [
        { command: "STATUS", code: 50 },
        { command: "GC", code: 11 },
      ]) {
        test(`${command} gives code ${code} at once when the agent ${what}`, async () => {
          using scratch = makeScratch();
          prepare(scratch.file("s"));
          const answer = await runShim(call(command, scratch.file("s")));
          const error = errorOf(answer);
          assert.deepEqual(
            [error.code, error.msg],
            [code, `Cannot reach agent at "${scratch.file("s")}": ${why}`],
          );
          assert.ok(answer.asleepMs < 400, `${answer.asleepMs} ms`);
        });
      }
    }

    for (const command of ["ADD", "CHECK"]) {
      test(`${command} goes on as soon as the agent is there`, async () => {
        using scratch = makeScratch();
        const { stdin, ...rest } = call(command, scratch.file("s"));
        const child = startShim(rest);
        child.stdin.end(stdin);
        // The program's own path, not that of the command which enters the namespace, and its socket for the
        // agent: it is waiting.
        const waits = () => readlinkSync(`/proc/${child.pid}/exe`) === shim && countSockets(child.pid!) === 2;
        await pollUntil("the shim waits for its agent", waits);
        await using _ = await startFakeAgent(scratch.file("s"), replyWith(replyFrame("late")));
        const answer = await awaitShim(child);
        assert.deepEqual([answer.exitCode, answer.stdout], [0, "late"]);
        assert.ok(answer.elapsedMs < 500, `${answer.elapsedMs} ms after the agent was there`);
      });
    }

    test("ADD waits without limit for an agent that has its request, and ends with it", async () => {
      using scratch = makeScratch();
      let connection: Socket | undefined;
      await using _ = await startFakeAgent(scratch.file("s"), (accepted) => {
        connection = accepted;
      });
      // Longer than the wait for an absent agent, which is over once the agent is there.
      const { stdin, ...rest } = call("ADD", scratch.file("s"), shortWait);
      const child = startShim(rest);
      child.stdin.end(stdin);
      const startedMs = performance.now();
      const answer = awaitShim(child);
      await pollUntil("twice the wait has passed", () => performance.now() - startedMs > 800);
      assert.equal(child.exitCode, null);
      connection?.end(replyFrame("slow"));
      assert.equal((await answer).stdout, "slow");
    });

    test("a shim that is killed closes its connection: the agent is to roll back", async () => {
      using scratch = makeScratch();
      let connection: Socket | undefined;
      await using _ = await startFakeAgent(scratch.file("s"), (accepted) => {
        connection = accepted;
      });
      const { stdin, ...rest } = call("ADD", scratch.file("s"));
      const child = startShim(rest);
      child.stdin.end(stdin);
      await pollUntil("the request is there", () => connection !== undefined);
      const closed = once(connection!, "end");
      child.kill("SIGKILL");
      await closed;
    });

    test("STATUS gives an agent that does not answer 5 s, then code 50", async () => {
      using scratch = makeScratch();
      await using _ = await startFakeAgent(scratch.file("s"), () => undefined);
      const answer = await runShim(call("STATUS", scratch.file("s")));
      const error = errorOf(answer);
      assert.equal(error.code, 50);
      assert.equal(
        error.msg,
        `Cannot read reply of agent at "${scratch.file("s")}": it did not answer within 5000 ms`,
      );
      assert.ok(
        answer.elapsedMs >= 5000 && answer.asleepMs < 6000,
        `${answer.elapsedMs} ms, ${answer.asleepMs} asleep`,
      );
    });

    test("a full queue is sat out for a moment, then STATUS gives code 50", async () => {
      using scratch = makeScratch();
      await using _ = await fillQueue(scratch.file("s"));
      const answer = await runShim(call("STATUS", scratch.file("s")));
      const error = errorOf(answer);
      assert.equal(error.code, 50);
      assert.match(error.msg, /" within 1300 ms: EAGAIN \(/);
      assert.ok(
        answer.elapsedMs >= 1300 && answer.asleepMs < 2000,
        `${answer.elapsedMs} ms, ${answer.asleepMs} asleep`,
      );
    });
  });
}

/**
 * Closes every connection with the request still unread, which resets it, as an agent does with a peer that
 * is not root.
 */
async function startRefusingAgent(socket: string, reply: Uint8Array): Promise<AsyncDisposable> {
  const server = createServer({ pauseOnConnect: true }, (connection) => {
    connection.on("error", () => undefined); // the shim may be gone
    connection.write(reply, () => connection.destroy());
  });
  server.listen(socket);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

/** Sockets of a process other than its standard streams. */
function countSockets(pid: number): number {
  const numbers = readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) > 2);
  return numbers.filter((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:")).length;
}

/** An agent that is there but accepts nothing, and as many clients as its queue takes. */
async function fillQueue(path: string): Promise<AsyncDisposable> {
  const script = `
    const { createServer } = require("node:net");
    createServer().listen({ path: process.argv[1], backlog: 1 }, () => {
      require("node:fs").writeSync(1, "ready\\n");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const server = spawn(process.execPath, ["-e", script, path]);
  await once(server.stdout, "data");
  const clients: Socket[] = [];
  for (let full = false; !full; ) {
    const client = connect(path);
    clients.push(client);
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      client.once("connect", () => resolve(undefined)).on("error", resolve);
    });
    full = error?.code === "EAGAIN";
    if (clients.length > 100) throw new Error("the queue of a listener with backlog 1 is endless");
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      server.kill("SIGKILL");
      await once(server, "close");
    },
  };
}
