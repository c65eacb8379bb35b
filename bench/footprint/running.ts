import { setTimeout as delay } from "node:timers/promises";
import { type Causeway, startCauseway } from "../causeway.ts";
import type { Host } from "../machine.ts";
import type { Program } from "../program.ts";
import { run } from "../run-program.ts";
import { cpuMs, memoryMb } from "../usage.ts";
import type { Figure } from "./figures.ts";

export interface RunningInput {
  readonly empty: Host;
  readonly full: Host;
  readonly podCIDRs: readonly string[];
  readonly pods: readonly number[];
  /** Whose attachments the full host has; its agent has ended. */
  readonly attached: Program;
  /** For so long the idle agents are watched: what they do once a minute has to be in it, and once. */
  readonly idleS: number;
}

/** How many ADDs CPU is told of. */
const ADDS = 1000;

/**
 * After this the agent has done what it leaves for later: looked at the kernel again (5 s after pods have
 * come and gone), and collected garbage.
 */
const SETTLE_MS = 8000;

/**
 * Memory and CPU of an agent that has done nothing, and of one that has made a thousand attachments and still
 * has those of `pods`.
 */
export async function measureRunning(input: RunningInput): Promise<Figure[]> {
  const { empty, full, podCIDRs, pods, attached, idleS } = input;
  const idle = await startCauseway({ id: "empty", host: empty, podCIDRs });
  const busy = await startCauseway({ id: "full", host: full, podCIDRs });
  run({ program: attached, command: "DEL", pods, concurrency: 50 });
  const add = await measureAdds(busy, pods);
  const usage = await watchIdle([idle, busy], idleS);
  const [none, many] = ["no attachments", `${pods.length} attachments`];
  const peakMb = memoryMb(busy.pid, "VmHWM");
  for (const agent of [idle, busy]) await agent.close();
  return [
    { name: `RSS idle, ${none}`, value: usage[0]?.rssMb ?? Number.NaN, unit: "MB", atMost: 75 },
    { name: `RSS idle, ${many}`, value: usage[1]?.rssMb ?? Number.NaN, unit: "MB", atMost: 85 },
    {
      name: `RSS idle, ${many}: without what is mapped from files`,
      value: usage[1]?.anonMb ?? Number.NaN,
      unit: "MB",
    },
    { name: `RSS, peak of all with ${ADDS.toLocaleString("en")} ADDs`, value: peakMb, unit: "MB" },
    { name: `CPU idle, ${none}`, value: usage[0]?.cpuPercent ?? Number.NaN, unit: "%" },
    { name: `CPU idle, ${many}`, value: usage[1]?.cpuPercent ?? Number.NaN, unit: "%" },
    {
      name: `CPU of ${ADDS.toLocaleString("en")} ADDs: agent, with what it does later`,
      value: add.agentS,
      unit: "s",
    },
    { name: `CPU of ${ADDS.toLocaleString("en")} ADDs: shim`, value: add.shimS, unit: "s" },
  ];
}

/** CPU seconds of so many ADDs, one by one; ends with attachments of all pods. */
async function measureAdds(
  agent: Causeway,
  pods: readonly number[],
): Promise<{ readonly agentS: number; readonly shimS: number }> {
  const cycles = ADDS / pods.length;
  let [agentMs, shimMs] = [0, 0];
  for (let cycle = 0; cycle < cycles; cycle++) {
    await delay(SETTLE_MS);
    const beforeMs = cpuMs(agent.pid);
    shimMs += cpuOfAdds(agent, pods);
    await delay(SETTLE_MS);
    agentMs += cpuMs(agent.pid) - beforeMs;
    if (cycle < cycles - 1) run({ program: agent, command: "DEL", pods, concurrency: 50 });
  }
  return { agentS: agentMs / 1000, shimS: shimMs / 1000 };
}

/** CPU milliseconds of the processes that a runtime starts for these ADDs. */
export function cpuOfAdds(program: Program, pods: readonly number[]): number {
  return run({ program, command: "ADD", pods, concurrency: 1 }).reduce((sum, time) => sum + time.cpuMs, 0);
}

async function watchIdle(
  agents: readonly Causeway[],
  idleS: number,
): Promise<{ readonly cpuPercent: number; readonly rssMb: number; readonly anonMb: number }[]> {
  const before = agents.map(({ pid }) => cpuMs(pid));
  await delay(idleS * 1000);
  return agents.map(({ pid }, index) => ({
    cpuPercent: (cpuMs(pid) - (before[index] ?? 0)) / (idleS * 10),
    rssMb: memoryMb(pid, "VmRSS"),
    anonMb: memoryMb(pid, "RssAnon"),
  }));
}
