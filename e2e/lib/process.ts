import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { waitFor } from "./wait-for.ts";

/** How a process ended: one of both is not null. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Everything that it wrote to stdout and stderr, also in its log file. */
  output(): string;
  isRunning(): boolean;
  /** The first line of the output that matches, whenever it came. */
  waitForLine(pattern: RegExp, timeoutMs: number): Promise<string>;
  /**
   * Sends the signal and waits for the end; after `timeoutMs` (10 s) SIGKILL. Of an ended process, tells how
   * it ended.
   */
  stop(signal?: NodeJS.Signals, timeoutMs?: number): Promise<ProcessEnd>;
}

export interface ProcessInput {
  readonly name: string;
  readonly command: readonly string[];
  /**
   * Folder of this run: takes the log, and the PID for `clean-up.sh`, should the tests themselves be killed.
   */
  readonly folder: string;
  /** The whole environment of the process besides PATH, and where Node.js keeps what it has compiled. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a process that goes on while tests run. */
export async function startProcess({
  name,
  command,
  folder,
  env = {},
}: ProcessInput): Promise<ManagedProcess> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"], ...env },
  });
  const pid = await spawned(child, name);
  recordPid(folder, pid);
  const output = collectOutput(child, join(logFolder(folder), `${name}.log`));
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    name,
    pid,
    output,
    isRunning,
    async waitForLine(pattern, timeoutMs) {
      const probe = (): { line: string | undefined } | undefined => {
        const line = output()
          .split("\n")
          .find((text) => pattern.test(text));
        return line === undefined && isRunning() ? undefined : { line };
      };
      const { line } = await waitFor(`${String(pattern)} from ${name}`, probe, { timeoutMs });
      if (line === undefined) throw new Error(`${name} ended without ${String(pattern)}: ${output()}`);
      return line;
    },
    async stop(signal = "SIGTERM", timeoutMs = 10_000) {
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
      const end = await ended;
      clearTimeout(timer);
      return end;
    },
  };
}

/** That of the suite, which outlives a run that fails. */
function logFolder(folder: string): string {
  const logs = process.env["CAUSEWAY_E2E_LOGS"];
  if (logs === undefined) return folder;
  const own = join(logs, basename(folder));
  mkdirSync(own, { recursive: true });
  return own;
}

async function spawned(child: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`Cannot start ${name}: ${cause.message}`, { cause })));
    child.once("spawn", () => resolve(child.pid ?? 0));
  });
}

function collectOutput(child: ChildProcess, logPath: string): () => string {
  const chunks: string[] = [];
  const log = createWriteStream(logPath, { flags: "a" });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      chunks.push(text);
      log.write(text);
    });
  }
  child.once("close", () => log.end());
  return () => chunks.join("");
}

/**
 * With the start time (proc(5), field 22 of stat), so that a later process of the same number is left alone.
 */
function recordPid(folder: string, pid: number): void {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  mkdirSync(join(folder, "pids"), { recursive: true });
  writeFileSync(join(folder, "pids", String(pid)), `${startTime}\n`);
}
