import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Causeway } from "../causeway.ts";
import { run, runOneByOne } from "../run-program.ts";
import { cpuMs, memoryMb } from "../usage.ts";
import { type Load, probe, startLoad } from "./loads.ts";

/** What the agent does under one load, or under none. */
export interface Round {
  /** Milliseconds of each ADD, one by one. */
  readonly addMs: readonly number[];
  /** Milliseconds of each of the kubelet's probes; NaN where no answer came. */
  readonly probeMs: readonly number[];
  /** The most memory that the agent had. */
  readonly peakMb: number;
  /** Of a core, while nobody asks for a pod. */
  readonly cpuPercent: number;
}

/** The load needs a moment to get going, and then this long is watched. */
const START_MS = 500;
const WATCH_MS = 2000;
const PROBES = 100;

/** One round: the load is on all the time. The first pod is where it comes from. */
export async function measureRound(
  agent: Causeway,
  load: Load | undefined,
  pods: readonly number[],
): Promise<Round> {
  const [from = ""] = agent.host.podNetns;
  const stop = load === undefined ? async () => undefined : startLoad(load, agent.host, from);
  try {
    await delay(START_MS);
    // 5: forget the peak (proc_pid_clear_refs(5)).
    writeFileSync(`/proc/${agent.pid}/clear_refs`, "5");
    const beforeMs = cpuMs(agent.pid);
    const probing = probe(agent.host, PROBES);
    await delay(WATCH_MS);
    const cpuPercent = (100 * (cpuMs(agent.pid) - beforeMs)) / WATCH_MS;
    const addMs = runOneByOne(agent, "ADD", pods);
    const probeMs = await probing;
    run({ program: agent, command: "DEL", pods, concurrency: pods.length });
    return { addMs, probeMs, peakMb: memoryMb(agent.pid, "VmHWM"), cpuPercent };
  } finally {
    await stop();
  }
}
