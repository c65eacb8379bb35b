import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { type Host, netnsPath, WORK_FOLDER } from "../machine.ts";

/**
 * How somebody without any capability keeps a server busy: kinds of load.c, and how many connections each
 * has.
 */
export const LOADS = {
  pipelined: { connections: 64, text: "64 connections of pipelined requests" },
  churn: { connections: 64, text: "connections opened and closed" },
  drip: { connections: 64, text: "requests that come byte by byte" },
  unread: { connections: 64, text: "answers that nobody reads" },
  body: { connections: 64, text: "endless bodies" },
  idle: { connections: 1000, text: "1,000 connections that say nothing" },
} as const;

export type Load = keyof typeof LOADS;

/** Where the agent answers, and from where it is asked. */
interface Target {
  readonly netns: string;
  readonly address: string;
  readonly port: number;
}

/** Starts a load in a pod; the function that is returned ends it. */
export function startLoad(load: Load, host: Host, pod: string): () => Promise<void> {
  const target = { netns: pod, address: host.address, port: 9655 };
  const child = start(target, [String(LOADS[load].connections), load], "inherit");
  return async () => {
    if (child.exitCode !== null) throw new Error(`Cannot load the agent: exit code ${child.exitCode}`);
    child.kill("SIGKILL");
    await once(child, "exit");
  };
}

/**
 * Asks as the kubelet does, so many times; gives the milliseconds of each answer, NaN for one that did not
 * come.
 */
export async function probe(host: Host, count: number): Promise<number[]> {
  const path = `${WORK_FOLDER}/probe`;
  const output = openSync(path, "w");
  const target = { netns: host.netns, address: "127.0.0.1", port: 9656 };
  const child = start(target, [String(count), "probe"], output);
  closeSync(output);
  await once(child, "exit");
  const lines = readFileSync(path, "utf8").trim().split("\n").map(Number);
  return lines.map((us) => (us < 0 ? Number.NaN : us / 1000));
}

function start(
  { netns, address, port }: Target,
  args: readonly string[],
  stdout: number | "inherit",
): ChildProcess {
  const program = new URL("../../dist/bench/http-load", import.meta.url).pathname;
  const command = [`--net=${netnsPath(netns)}`, "setpriv", "--bounding-set=-all", "--inh-caps=-all"];
  return spawn("nsenter", [...command, program, address, String(port), ...args], {
    stdio: ["ignore", stdout, "inherit"],
  });
}
