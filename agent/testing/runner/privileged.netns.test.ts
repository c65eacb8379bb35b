import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../machine/eventually.ts";
import { endPrivileged, holdNetns, privileged } from "./privileged.ts";

test("what a program reads and prints passes whole, whatever its size", async () => {
  const stdin = "ä\0b\n".repeat(300_000);
  const { exitCode, stdout, stderr } = await privileged({ command: ["sh", "-c", "tee /dev/stderr"], stdin });
  assert.equal(exitCode, 0);
  assert.ok(stdout === stdin && stderr === stdin, `${stdout.length} and ${stderr.length} characters`);
});

test("a program that reads nothing may be given much, and its exit code is told", async () => {
  const { exitCode, stdout } = await privileged({ command: ["false"], stdin: "x".repeat(1_000_000) });
  assert.deepEqual({ exitCode, stdout }, { exitCode: 1, stdout: "" });
});

test("a program has of the environment what is asked, and PATH", async () => {
  const { stdout } = await privileged({ command: ["env"], environment: { ASKED: "a b=c" } });
  const names = stdout.split("\n").filter((line) => !/^(?:PATH|NODE_COMPILE_CACHE)=/.test(line));
  assert.deepEqual(names, ["ASKED=a b=c", ""]);
});

test("a program that cannot be run, or is killed, or ends too early, is told", async () => {
  await assert.rejects(privileged({ command: ["no-such-program"] }), {
    message: "Cannot run no-such-program: no-such-program: No such file or directory",
  });
  await assert.rejects(privileged({ command: ["sh", "-c", "kill -9 $$"] }), /ended by SIGKILL/);
  await assert.rejects(privileged({ command: ["true"], background: true }), /ended before its first line/);
});

test("a program runs in the namespace that is asked for, and goes on after its first line until it is ended", async () => {
  const holder = await holdNetns();
  const netns = `/proc/${holder}/ns/net`;
  const command = ["sh", "-c", "readlink /proc/self/ns/net; sleep 1000"];
  const { pid, stdout } = await privileged({ command, netns, background: true });
  const wanted = await privileged({ command: ["readlink", netns] });
  assert.equal(`${stdout}\n`, wanted.stdout);
  await endPrivileged(pid);
  await endPrivileged(holder);
  await eventually("both are gone", () => [pid, holder].every((ended) => !existsSync(`/proc/${ended}`)));
  await endPrivileged(pid);
});

test("a thousand requests at once are all answered: of 500, some were refused (EAGAIN)", async () => {
  const asked = Array.from({ length: 1000 }, () => privileged({ command: ["true"] }));
  const exitCodes = (await Promise.all(asked)).map(({ exitCode }) => exitCode);
  assert.deepEqual(new Set(exitCodes), new Set([0]));
});
