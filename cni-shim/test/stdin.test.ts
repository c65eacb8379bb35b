import assert from "node:assert/strict";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { suite, test } from "node:test";
import { BUILDS } from "./builds.ts";
import { replyFrame, replyWith, startFakeAgent } from "./fake-agent.ts";
import { assertSilentSuccess, awaitShim, errorOf, runShim, startShim } from "./run-shim.ts";
import { makeScratch } from "./scratch.ts";

const MIB = 1024 * 1024;
const STATUS = { CNI_COMMAND: "STATUS" };

/**
 * Configurations whose socket must be found; `at` is put in as the value of "socket", a JSON string without
 * its quotes.
 */
const FOUND: readonly { readonly name: string; readonly config: (at: string) => string }[] = [
  { name: "plain", config: (at) => `{"cniVersion":"1.0.0","socket":"${at}"}` },
  { name: "with blanks", config: (at) => `\r\n {\t"cniVersion" : "1.0.0" ,\n "socket"\n:\t"${at}" } \n` },
  {
    name: "behind nested decoys",
    config: (at) => `{"a":{"socket":"/no","b":[{"socket":"/no"}]},"c":[[["]}"]]],"socket":"${at}"}`,
  },
  {
    name: "behind strings with escapes",
    config: (at) => String.raw`{"a\"{[":"\\","b":"\\\"}]","socket":"${at}"}`,
  },
  {
    name: "behind numbers and words",
    config: (at) => `{"a":-1.5e+3,"b":true,"c":null,"socket":"${at}","d":0}`,
  },
  { name: "behind a very long string", config: (at) => `{"a":"${"x".repeat(MIB / 2)}","socket":"${at}"}` },
  {
    name: "behind 9,000 brackets",
    config: (at) => `{"a":${"[".repeat(9000)}${"]".repeat(9000)},"socket":"${at}"}`,
  },
  { name: "with an escaped key", config: (at) => String.raw`{"\u0073ock\u0065t":"${at}"}` },
  { name: "with escaped slashes", config: (at) => `{"socket":"${at.replaceAll("/", "\\/")}"}` },
  {
    name: "with \\u escapes",
    config: (at) => `{"socket":"${escapeAll(at)}"}`,
  },
  { name: "twice: the last counts", config: (at) => `{"socket":"/no","socket":"${at}"}` },
  { name: "before the text ends in the middle", config: (at) => `{"socket":"${at}","a":[1,` },
  { name: "before garbage", config: (at) => `{"socket":"${at}",}}]\0\xff` },
];

/** Every UTF-16 unit as an escape: characters above U+FFFF become pairs. */
function escapeAll(text: string): string {
  const units = text.split("").map((unit) => unit.charCodeAt(0).toString(16).padStart(4, "0"));
  return units.map((unit, place) => `\\u${place % 2 === 0 ? unit : unit.toUpperCase()}`).join("");
}

/**
 * Configurations in which there is no usable socket or version; each is refused by code 50, as no agent is at
 * the default path.
 */
const GARBAGE: readonly { readonly name: string; readonly stdin: string | Buffer }[] = [
  { name: "nothing", stdin: "" },
  { name: "one brace", stdin: "{" },
  { name: "cut in a key", stdin: '{"cniVer' },
  { name: "cut in an escape", stdin: '{"cniVersion\\' },
  { name: "cut in \\u", stdin: '{"cniVersion\\u12' },
  { name: "cut before a value", stdin: '{"cniVersion":' },
  { name: "cut in a value", stdin: '{"cniVersion":"0.4.0' },
  { name: "an array", stdin: '[{"cniVersion":"0.4.0"}]' },
  { name: "a version that is a number", stdin: '{"cniVersion":0.4}' },
  { name: "a version that nobody knows", stdin: '{"cniVersion":"0.4.0 "}' },
  { name: "a version with a NUL", stdin: String.raw`{"cniVersion":"0.4.0\u0000"}` },
  { name: "64 KiB of zero bytes", stdin: Buffer.alloc(65536) },
  { name: "64 KiB of 0xff", stdin: Buffer.alloc(65536, 0xff) },
  {
    name: "64 KiB of mixed bytes",
    stdin: Buffer.from(Array.from({ length: 65536 }, (_, i) => (i * 167 + (i >> 8)) & 255)),
  },
  { name: "64 KiB of open brackets", stdin: `{"a":${"[".repeat(65536)}` },
  { name: "64 KiB of quotes", stdin: '"'.repeat(65536) },
  { name: "64 KiB of backslashes", stdin: `{"${"\\".repeat(65536)}` },
];

for (const { name, shim } of BUILDS) {
  suite(name, { concurrency: 2 }, () => {
    for (const { name: what, config } of FOUND) {
      test(`the socket is found ${what}`, async () => {
        using scratch = makeScratch();
        const socket = scratch.file("s-\u00e9\u20ac\u{1f600}"); // one character of each length in UTF-8
        await using agent = await startFakeAgent(socket, replyWith(replyFrame("")));
        const stdin = config(socket);
        assertSilentSuccess(await runShim({ command: [shim], environment: STATUS, stdin }));
        assert.deepEqual(
          agent.frames.map((frame) => frame.stdin),
          [stdin],
        );
      });
    }

    test("the socket is found with every short escape in its path", async () => {
      using scratch = makeScratch();
      const socket = scratch.file('"\\\b\f\n\r\t');
      const stdin = JSON.stringify({ socket });
      for (const escape of ['"', "\\", "b", "f", "n", "r", "t"])
        assert.ok(stdin.includes(`\\${escape}`), escape);
      await using agent = await startFakeAgent(socket, replyWith(replyFrame("")));
      assertSilentSuccess(await runShim({ command: [shim], environment: STATUS, stdin }));
      assert.equal(agent.frames.length, 1);
    });

    for (const { name: what, stdin } of GARBAGE) {
      test(`garbage ends in an error of version 1.0.0: ${what}`, async () => {
        const error = errorOf(await runShim({ command: [shim], environment: STATUS, stdin }));
        assert.deepEqual([error.cniVersion, error.code], ["1.0.0", 50]);
        assert.match(error.msg, /^Cannot reach agent at "\/run\/causeway\/agent\.sock": ENOENT \(/);
      });
    }

    for (const { socket, why } of [
      { socket: '"run/x"', why: '"run/x": it is no absolute path' },
      { socket: '""', why: '"": it is no absolute path' },
      { socket: "7", why: ": it is no string of 1 to 107 bytes" },
      { socket: `"/${"x".repeat(107)}"`, why: ": it is no string of 1 to 107 bytes" },
      { socket: String.raw`"/run\u0000"`, why: ": it is no string of 1 to 107 bytes" },
    ]) {
      test(`a socket that cannot be used is refused: ${socket.slice(0, 20)}`, async () => {
        const stdin = `{"socket":${socket},"cniVersion":"0.3.1"}`;
        const error = errorOf(await runShim({ command: [shim], environment: STATUS, stdin }));
        assert.deepEqual([error.cniVersion, error.code], ["0.3.1", 7]);
        assert.equal(error.msg.replace(/^Cannot use socket ?/, ""), why);
      });
    }

    for (const half of ["\\ud800", "\\ude00", "\\ud83dx", "\\ud83d\\u0041", "\\ud83d\\n"]) {
      test(`half a pair of surrogates is U+FFFD: ${half}`, async () => {
        const stdin = `{"socket":"/nonexistent/${half}"}`;
        const error = errorOf(await runShim({ command: [shim], environment: STATUS, stdin }));
        const rest = (JSON.parse(`"${half}"`) as string).slice(1);
        assert.ok(error.msg.startsWith(`Cannot reach agent at "/nonexistent/\ufffd${rest}"`), error.msg);
      });
    }

    test("a socket path of 107 bytes is the longest that is tried", async () => {
      const stdin = `{"socket":"/${"x".repeat(106)}"}`;
      assert.match(
        errorOf(await runShim({ command: [shim], environment: STATUS, stdin })).msg,
        /^Cannot reach agent at "\/x{106}"/,
      );
    });

    test("1 MiB of stdin reaches the agent whole", async () => {
      using scratch = makeScratch();
      const head = `{"socket":"${scratch.file("s")}","a":"`;
      const stdin = `${head}${"x".repeat(MIB - head.length - 2)}"}`;
      await using agent = await startFakeAgent(scratch.file("s"), replyWith(replyFrame("")));
      assertSilentSuccess(await runShim({ command: [shim], environment: STATUS, stdin }));
      assert.equal(agent.frames[0]?.stdin, stdin);
    });

    for (const bytes of [MIB + 1, 3 * MIB]) {
      test(`${bytes} bytes of stdin are refused with the limit and the version`, async () => {
        const stdin = '{"cniVersion":"0.3.1"'.padEnd(bytes);
        const error = errorOf(await runShim({ command: [shim], environment: STATUS, stdin }));
        assert.deepEqual([error.cniVersion, error.code], ["0.3.1", 5]);
        assert.equal(
          error.msg,
          "Cannot read network configuration from stdin: it is larger than 1048576 bytes",
        );
      });
    }

    test("stdin may come in pieces", async () => {
      using scratch = makeScratch();
      const stdin = `{"cniVersion":"1.1.0","socket":"${scratch.file("s")}"}`;
      await using agent = await startFakeAgent(scratch.file("s"), replyWith(replyFrame("")));
      const child = startShim({ command: [shim], environment: STATUS });
      const answer = awaitShim(child);
      for (const byte of stdin) await new Promise((resolve) => child.stdin.write(byte, resolve));
      child.stdin.end();
      assertSilentSuccess(await answer);
      assert.equal(agent.frames[0]?.stdin, stdin);
    });

    test("a closed stdin is an error, and none for VERSION", async () => {
      const closed = ["sh", "-c", 'exec "$0" <&-', shim];
      const error = errorOf(await runShim({ command: closed, environment: STATUS }));
      assert.equal(error.code, 5);
      assert.match(error.msg, /^Cannot read network configuration from stdin: EBADF \(/);
      const version = await runShim({ command: closed, environment: { CNI_COMMAND: "VERSION" } });
      assert.equal(version.exitCode, 0);
      assert.match(version.stdout, /^\{"cniVersion":"1\.1\.0"/);
    });

    test("a stdin that is a folder is an error", async () => {
      const command = ["sh", "-c", 'exec "$0" </', shim];
      const error = errorOf(await runShim({ command, environment: STATUS }));
      assert.match(error.msg, /^Cannot read network configuration from stdin: EISDIR \(/);
    });

    for (const { how, redirection, place, why } of [
      { how: "closed", redirection: ">&-", place: "/", why: "EBADF" },
      { how: "full", redirection: ">/dev/full", place: "/dev/full", why: "ENOSPC" },
    ]) {
      test(`a stdout that is ${how} fails the command and reaches nobody's socket`, async () => {
        using scratch = makeScratch();
        const stdin = `{"socket":"${scratch.file("s")}"}`;
        let stdoutIs: string | undefined;
        await using agent = await startFakeAgent(scratch.file("s"), (connection) => {
          stdoutIs = readlinkSync(`/proc/${child.pid}/fd/1`);
          connection.end(replyFrame("result\n"));
        });
        const child = startShim({
          command: ["sh", "-c", `exec "$0" ${redirection}`, shim],
          environment: STATUS,
        });
        child.stdin.end(stdin);
        const answer = await awaitShim(child);
        assert.deepEqual([answer.exitCode, answer.stdout], [1, ""]);
        assert.equal(stdoutIs, place);
        assert.match(answer.stderr, new RegExp(`^causeway: Cannot write to stdout: ${why} \\(`));
        assert.equal(agent.frames.length, 1);
      });
    }

    test("a stdout whose reader is gone fails the command by exit code, not by signal", async () => {
      const child = startShim({ command: [shim], environment: { CNI_COMMAND: "VERSION" } });
      child.stdout.destroy();
      await once(child.stdout, "close");
      const answer = awaitShim(child);
      child.stdin.end("{}");
      assert.equal((await answer).exitCode, 1);
    });
  });
}
