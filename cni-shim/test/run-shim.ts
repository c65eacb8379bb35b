import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { isUtf8 } from "node:buffer";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { distFile } from "./builds.ts";

export type Environment = Readonly<Record<string, string>>;

export interface ShimCall {
  /** The program, or a command in front of it that enters a namespace. */
  readonly command: readonly string[];
  readonly environment: Environment;
  readonly stdin?: string | Uint8Array;
}

export interface ShimAnswer {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

export interface TimedAnswer extends ShimAnswer {
  /**
   * For how long the shim has waited: neither ran, nor had no processor, which is all that a busy machine
   * adds.
   */
  readonly asleepMs: number;
}

export interface ShimError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

/** Where the commands around the shim are found; the shim itself gets no other variable than the call's. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function startShim({ command, environment }: Omit<ShimCall, "stdin">): ChildProcessWithoutNullStreams {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env: { PATH, ...environment } });
  child.stdin.on("error", () => undefined); // a shim that refuses stdin closes it
  return child;
}

/** Collects what a shim prints, which is always UTF-8, until it ends. `elapsedMs` counts from this call. */
export async function awaitShim(child: ChildProcessWithoutNullStreams): Promise<ShimAnswer> {
  const startedMs = performance.now();
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const [exitCode] = (await once(child, "close")) as [number | null];
  assert.ok(isUtf8(Buffer.concat(out)), "stdout is UTF-8");
  return {
    exitCode,
    stdout: Buffer.concat(out).toString("utf8"),
    stderr: Buffer.concat(err).toString("utf8"),
    elapsedMs: performance.now() - startedMs,
  };
}

export async function runShim({ stdin = "", command, environment }: ShimCall): Promise<TimedAnswer> {
  const child = spawn(distFile("shim-test/time-asleep"), ["3", ...command], {
    env: { PATH, ...environment },
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  const asleep = text(child.stdio[3] as Readable);
  child.stdin.on("error", () => undefined); // a shim that refuses stdin closes it
  child.stdin.end(stdin);
  const answer = await awaitShim(child);
  return { ...answer, asleepMs: Number(await asleep) };
}

/** The error JSON of a failed command; fails the test unless stdout is exactly that. */
export function errorOf(answer: ShimAnswer): ShimError {
  assert.equal(answer.exitCode, 1, `exit code; stderr: ${answer.stderr}`);
  assert.ok(answer.stdout.endsWith("}\n"), `stdout: ${answer.stdout}`);
  const error = JSON.parse(answer.stdout) as ShimError;
  assert.deepEqual(Object.keys(error), ["cniVersion", "code", "msg", "details"]);
  return error;
}

/** Fails the test unless the command succeeded and printed nothing. */
export function assertSilentSuccess(answer: ShimAnswer): void {
  assert.deepEqual(
    { exitCode: answer.exitCode, stdout: answer.stdout },
    { exitCode: 0, stdout: "" },
    answer.stderr,
  );
}
