import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuMs } from "../usage.ts";

/** A line of output and when it came, on the clock of performance.now(). */
export interface TimedLine {
  readonly text: string;
  readonly atMs: number;
}

export interface Process {
  readonly pid: number;
  /** Waits for a line of its output that matches and came at or after `sinceMs`. */
  line(pattern: RegExp, sinceMs?: number): Promise<TimedLine>;
  write(text: string): void;
  end(): Promise<void>;
}

/**
 * How often it is asked whether a process still gets on. One that has written nothing and has used less CPU
 * than one that idles may is stuck, or has nothing more to say.
 */
const STUCK_AFTER_MS = 60_000;
const IDLE_CPU_MS = 0.02 * STUCK_AFTER_MS;

const running = new Set<{ readonly pid: number; readonly lines: readonly TimedLine[] }>();

/**
 * Starts a process; its stdout and stderr are one stream of lines. Whoever waits for one waits as long as
 * any process started here gets on: a cluster of ten times the size takes its time.
 */
export function start(command: string, args: readonly string[], environment: object = {}): Process {
  const env = { ...process.env, ...environment };
  const child: ChildProcess = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env });
  const lines: TimedLine[] = [];
  const waiting = new Set<() => void>();
  const pid = child.pid ?? 0;
  const counted = { pid, lines };
  running.add(counted);
  child.once("exit", () => running.delete(counted));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on("line", (text) => {
      lines.push({ text, atMs: performance.now() });
      for (const wake of waiting) wake();
    });
  }
  return {
    pid,
    line: (pattern, sinceMs = 0) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(({ text, atMs }) => atMs >= sinceMs && pattern.test(text));
          if (found === undefined) return;
          finish();
          resolve(found);
        };
        const fail = (): void => {
          finish();
          reject(
            new Error(
              `No line ${pattern} from ${command}: ${lines
                .slice(-5)
                .map(({ text }) => text)
                .join("; ")}`,
            ),
          );
        };
        const endWatch = watchProgress(fail);
        function finish(): void {
          endWatch();
          waiting.delete(look);
          child.off("exit", fail);
        }
        waiting.add(look);
        child.once("exit", fail);
        look();
      }),
    write: (text) => void child.stdin?.write(text),
    end: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

/** Calls `onStuck` once nothing that was started here has got on for {@link STUCK_AFTER_MS}. */
function watchProgress(onStuck: () => void): () => void {
  let before = progress();
  const timer = setInterval(() => {
    const now = progress();
    if (now.lines === before.lines && now.cpuMs - before.cpuMs < IDLE_CPU_MS) onStuck();
    before = now;
  }, STUCK_AFTER_MS);
  return () => clearInterval(timer);
}

function progress(): { readonly lines: number; readonly cpuMs: number } {
  const all = [...running];
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  return { lines: sum(all.map(({ lines }) => lines.length)), cpuMs: sum(all.map(({ pid }) => cpuMs(pid))) };
}

/** Starts the shipped agent as node-1 of a cluster, with all its files in the folder. */
export function startAgent(
  folder: string,
  flags: Readonly<Record<string, string>>,
  environment: object = {},
): Process {
  for (const name of ["bin", "net.d"]) mkdirSync(join(folder, name), { recursive: true });
  const all = {
    "node-name": "node-1",
    socket: join(folder, "agent.sock"),
    "cni-bin-dir": join(folder, "bin"),
    "cni-conf-dir": join(folder, "net.d"),
    ...flags,
  };
  const words = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  return start(process.execPath, [repositoryFile("dist/causeway.mjs"), "agent", ...words], environment);
}

/** The repository's file at `path`. */
export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
