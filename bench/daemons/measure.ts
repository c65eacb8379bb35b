import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../agent/testing/machine/eventually.ts";
import { median } from "../statistics.ts";
import { run, WORK_FOLDER } from "../machine.ts";
import { childrenCpuMs, cpuDuring, cpuMs, memoryMb } from "../usage.ts";
import { type Process, repositoryFile, start } from "../scale/processes.ts";
import type { Daemon, Way } from "./daemons.ts";

export interface ClusterInput {
  readonly nodes: number;
  readonly way: Way;
  /** How many nodes come, one after the other. */
  readonly changes: number;
  readonly idleS: number;
}

/** Figures of one program in one cluster. Times in milliseconds, memory in MB, CPU in percent of one core. */
export interface DaemonResult {
  readonly startMs: number;
  readonly changeMedianMs: number;
  readonly rssMb: number;
  /** Of it not mapped from files, which processes of other pods may share. */
  readonly anonMb: number;
  /** With the programs that it starts. */
  readonly idleCpu: number;
}

/** What start-up left to do, for the collector and for slow loops. */
const SETTLE_MS = 5000;

/** Everything that it makes dies with the namespace that it is in. */
export async function measureDaemon(daemon: Daemon, input: ClusterInput): Promise<DaemonResult> {
  const { nodes, way } = input;
  const kubeconfig = `${WORK_FOLDER}/kubeconfig`;
  const flags = ["--nodes", String(nodes), "--kubeconfig", kubeconfig, ...daemon.serverFlags(way)];
  const server = start(process.execPath, [repositoryFile("agent/testing/kube/run-api-server.ts"), ...flags]);
  await server.line(/^http/);
  const sinceMs = performance.now();
  const agent = daemon.start(way, kubeconfig);
  const monitor = start("ip", ["monitor", "route"]);
  try {
    await untilRouted(nodes - 1, agent);
    const startMs = performance.now() - sinceMs;
    const changes: number[] = [];
    for (let count = 1; count <= input.changes; count++) {
      await delay(500);
      changes.push(await timeOfNew(nodes + count, server, monitor));
    }
    await delay(SETTLE_MS);
    const idleCpu = await cpuDuring(agent, input.idleS, (pid) => cpuMs(pid) + childrenCpuMs(pid));
    return {
      startMs,
      changeMedianMs: median(changes),
      rssMb: memoryMb(agent.pid, "VmRSS"),
      anonMb: memoryMb(agent.pid, "RssAnon"),
      idleCpu,
    };
  } finally {
    for (const each of [monitor, agent, server]) await each.end();
  }
}

/** Polls: what the two programs log differs. */
async function untilRouted(count: number, daemon: Process): Promise<void> {
  const found = (): number => {
    const routes = execFileSync("ip", ["route", "show"], { encoding: "utf8", maxBuffer: 1 << 26 });
    return routes.split("\n").filter((line) => /^11\.\S+\/24 via/.test(line)).length;
  };
  await eventually(
    `${count} routes`,
    () => found() >= count,
    async () => [found(), (await daemon.line(/^/)).text],
  );
}

/** From the API server's event about a new node to the kernel's notification about the route to it. */
async function timeOfNew(index: number, server: Process, monitor: Process): Promise<number> {
  const sinceMs = performance.now();
  server.write(`touch ${index}\n`);
  const route = new RegExp(`^11\\.${Math.floor(index / 256)}\\.${index % 256}\\.0/24 via`);
  return (await monitor.line(route, sinceMs)).atMs - sinceMs;
}

/** Takes away what the program before has left: the next one finds an empty node. */
export function clearNode(): void {
  const links = (run(["ip", "-o", "link", "show"]).match(/(?<=^\d+: )[^:@]+/gm) ?? []).filter((name) =>
    /^(cw0|cw-vx|flannel\.1)$/.test(name),
  );
  for (const name of links) run(["ip", "link", "del", name]);
  run(["ip", "route", "flush", "root", "11.0.0.0/8"]);
  run(["nft", "flush", "ruleset"]);
}
