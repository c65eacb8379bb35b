import { readFileSync } from "node:fs";
import { netnsPath, runBoth, WORK_FOLDER, writeWork } from "./machine.ts";

/** One run of a program. */
export interface Run {
  /** What is run, for errors. */
  readonly what: string;
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Paths of files. */
  readonly stdin: string;
  readonly stdout: string;
}

export interface RunTime {
  /** Nanoseconds since the start of the first run. */
  readonly startNs: number;
  readonly endNs: number;
  /** CPU time of the program and of all the processes that it waited for. */
  readonly cpuMs: number;
}

/**
 * The longest that all may take together, for each of them: a hundred plugins that wait for the lock of
 * iptables take a minute on a busy machine.
 */
const RUN_TIMEOUT_MS = 10_000;

interface LaunchInput {
  /** Name of the namespace in which the programs run. */
  readonly netns: string;
  /** How many run at the same time. */
  readonly concurrency: number;
  readonly runs: readonly Run[];
}

/** Runs programs through launch.c, in the order given; throws if one of them fails, with what it said. */
export function launch({ netns, concurrency, runs }: LaunchInput): RunTime[] {
  const file = writeWork("runs", runs.map(formatRun).join("\n"));
  const launcher = new URL("../dist/bench/launch", import.meta.url).pathname;
  const command = [launcher, netnsPath(netns), String(concurrency), file];
  const { stdout: times, stderr } = runBoth(command, "", runs.length * RUN_TIMEOUT_MS);
  const lines = times.trim().split("\n");
  return runs.map(({ what, stdout }, index) => {
    const [startNs = Number.NaN, endNs = Number.NaN, cpuUs = Number.NaN, status] = (lines[index] ?? "")
      .split(" ")
      .map(Number);
    if (status !== 0) {
      throw new Error(`Cannot ${what}: exit code ${status}: ${stderr}${readFileSync(stdout, "utf8")}`);
    }
    return { startNs, endNs, cpuMs: cpuUs / 1000 };
  });
}

function formatRun({ program, environment, stdin, stdout }: Run): string {
  const variables = Object.entries(environment).map(([key, value]) => `env ${key}=${value}\n`);
  return `program ${program}\n${variables.join("")}stdin ${stdin}\nstdout ${stdout}\n`;
}

/** Path of the file that takes what a run prints. */
export function outputPath(program: string, command: string, pod: number): string {
  return `${WORK_FOLDER}/${program}-${pod}.${command}`;
}
