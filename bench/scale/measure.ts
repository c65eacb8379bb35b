import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { median } from "../statistics.ts";
import { cpuDuring, memoryMb } from "../usage.ts";
import { type Process, repositoryFile, start, startAgent, type TimedLine } from "./processes.ts";

export interface ScaleInput {
  readonly nodes: number;
  readonly overlay: "auto" | "always";
  /** How many single changes are measured. */
  readonly changes: number;
  readonly idleS: number;
  readonly churnS: number;
}

/** Figures of one cluster. Times in milliseconds, memory in MB, CPU in percent of one core. */
export interface ScaleResult {
  readonly startToReadyMs: number;
  readonly listToRoutesMs: number;
  /**
   * How long the agent's event loop stood still at most: from the start to ready, and while single nodes
   * changed.
   */
  readonly startPauseMs: number;
  readonly changePauseMs: number;
  readonly changeMedianMs: number;
  readonly changeWorstMs: number;
  readonly rssReadyMb: number;
  readonly rssIdleMb: number;
  readonly idleCpu: number;
  readonly beatCpu: number;
  readonly churnCpu: number;
  readonly churnRssMb: number;
  /** From the last of a storm of changes to the moment when the kernel has all. */
  readonly churnLagMs: number;
  readonly peakRssMb: number;
}

const CHURN_PER_SECOND = 50;

const ip = (...args: readonly string[]): string =>
  execFileSync("ip", args, { encoding: "utf8", maxBuffer: 1 << 26 });

/** Makes an uplink whose subnet all nodes are on. */
export function makeUplink(): void {
  ip("link", "set", "lo", "up");
  ip("link", "add", "up0", "type", "veth", "peer", "name", "far0");
  ip("link", "set", "far0", "up");
  ip("address", "add", "172.16.0.1/12", "dev", "up0");
  ip("link", "set", "up0", "up");
}

const countRoutes = (): number =>
  ip("route", "show", "proto", "99").trim().split("\n").filter(Boolean).length;

export async function measureScale(input: ScaleInput): Promise<ScaleResult> {
  const { nodes, overlay } = input;
  const folder = mkdtempSync(join(tmpdir(), "scale-"));
  const kubeconfig = join(folder, "kubeconfig");
  const serverScript = repositoryFile("agent/testing/kube/run-api-server.ts");
  const server = start(process.execPath, [
    serverScript,
    "--nodes",
    String(nodes),
    "--kubeconfig",
    kubeconfig,
  ]);
  await server.line(/^http/);
  const startMs = performance.now();
  const agent = startAgent(
    folder,
    { kubeconfig, overlay },
    { NODE_OPTIONS: `--import ${repositoryFile("bench/scale/watch-pauses.mjs")}` },
  );
  const monitor = start("ip", ["monitor", "route"]);
  try {
    return await measureAgent({ ...input, agent, server, monitor, startMs });
  } finally {
    for (const process of [monitor, agent, server]) await process.end();
    // An agent that never became ready may have made none, and why it did not is what matters then.
    if (ip("-o", "link", "show").includes(" cw0:")) ip("link", "del", "cw0");
    for (const family of ["-4", "-6"]) ip(family, "route", "flush", "proto", "99");
    rmSync(folder, { recursive: true });
  }
}

interface Running extends ScaleInput {
  readonly agent: Process;
  readonly server: Process;
  readonly monitor: Process;
  readonly startMs: number;
}

async function measureAgent(running: Running): Promise<ScaleResult> {
  const { nodes, agent, startMs } = running;
  const listed = await agent.line(/"Listed nodes"/);
  const routed = await agent.line(/"part":"routes","msg":"Ready"/);
  const ready = await agent.line(/"part":"installation","msg":"Ready"/);
  if (countRoutes() !== nodes - 1)
    throw new Error(`The kernel has ${countRoutes()} routes instead of ${nodes - 1}`);
  const rssReadyMb = memoryMb(agent.pid, "VmRSS");
  const startPauseMs = await longestPause(agent);
  await watchPauses(agent);
  const changes = await measureChanges(running);
  const changePauseMs = await longestPause(agent);
  // What the work so far has left to do for the collector is not idleness.
  await delay(5000);
  const idleCpu = await cpuDuring(agent, running.idleS);
  const rssIdleMb = memoryMb(agent.pid, "VmRSS");
  running.server.write(`beat ${CHURN_PER_SECOND}\n`);
  const beatCpu = await cpuDuring(agent, running.churnS);
  running.server.write(`churn ${CHURN_PER_SECOND}\n`);
  const churnCpu = await cpuDuring(agent, running.churnS);
  const churnRssMb = memoryMb(agent.pid, "VmRSS");
  running.server.write("churn 0\n");
  const churnLagMs = await changeTime(running, nodes);
  return {
    startToReadyMs: ready.atMs - startMs,
    listToRoutesMs: routed.atMs - listed.atMs,
    startPauseMs,
    changePauseMs,
    changeMedianMs: median(changes),
    changeWorstMs: Math.max(...changes),
    rssReadyMb,
    rssIdleMb,
    idleCpu,
    beatCpu,
    churnCpu,
    churnRssMb,
    churnLagMs,
    peakRssMb: memoryMb(agent.pid, "VmHWM"),
  };
}

/** Since its start, or {@link watchPauses}; ends the watch. */
async function longestPause(agent: Process): Promise<number> {
  const { text } = await askWatcher(agent, /^longest pause: /);
  return Number(text.split(" ")[2]);
}

async function watchPauses(agent: Process): Promise<void> {
  await askWatcher(agent, /^watching pauses/);
}

function askWatcher({ pid, line }: Process, answer: RegExp): Promise<TimedLine> {
  const sinceMs = performance.now();
  process.kill(pid, "SIGUSR2");
  return line(answer, sinceMs);
}

async function measureChanges(running: Running): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < running.changes; count++) {
    await delay(500);
    times.push(await changeTime(running, 2 + count));
  }
  return times;
}

/** From the API server's change of a node's prefix to the kernel's notification about the route to it. */
async function changeTime({ server, monitor }: Running, index: number): Promise<number> {
  const [high, low] = [Math.floor(index / 256), index % 256];
  const sinceMs = performance.now();
  server.write(`move ${index}\n`);
  const route = new RegExp(`^(11|12)\\.${high}\\.${low}\\.0/24 via`);
  return (await monitor.line(route, sinceMs)).atMs - sinceMs;
}
