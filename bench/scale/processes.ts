import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

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

const DEADLINE_MS = 180_000;

/** Starts a process; its stdout and stderr are one stream of lines. */
export function start(command: string, args: readonly string[], environment: object = {}): Process {
  const env = { ...process.env, ...environment };
  const child: ChildProcess = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env });
  const lines: TimedLine[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on("line", (text) => {
      lines.push({ text, atMs: performance.now() });
      for (const wake of waiting) wake();
    });
  }
  return {
    pid: child.pid ?? 0,
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
        const timer = setTimeout(fail, DEADLINE_MS);
        function finish(): void {
          clearTimeout(timer);
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

/** The repository's file at `path`. */
export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
