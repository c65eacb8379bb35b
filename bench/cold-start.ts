import { setTimeout as delay } from "node:timers/promises";
import type { Measurement, Row } from "./collector.ts";
import type { Program } from "./program.ts";
import { runAtOnce, runOneByOne } from "./run-program.ts";
import { slice } from "./turns.ts";

export interface ColdStartInput {
  readonly floor: Program;
  readonly pods: number;
  readonly rounds: number;
  /** Starts an agent on a host of its own, and waits until it is ready. */
  readonly start: () => Promise<Program>;
  /** Agents on hosts with {@link FEW} pods, which are asked for some and then left alone. */
  readonly idle: readonly Program[];
  readonly onProgress: (what: string) => void;
}

/** Names of rows, which budgets know. */
export const COLD_ROWS = {
  first: "ADD, the first after the agent's start",
  many: "ADD, the first 100 of an agent",
  burst: "ADD, 100 at once, the first of an agent",
  alone: "ADD, alone after a minute",
} as const;

/** Of a new agent's pods: the first one, and nine for comparison; and as many has one that waits. */
export const FEW = 10;

/** Long enough for V8 to collect garbage, and for others to take the CPU's caches. */
const IDLE_MS = 60_000;

interface Round {
  readonly raw: readonly number[];
  readonly adds: readonly number[];
  /** All pods at once, and once more. */
  readonly bursts: readonly [number, number];
}

/**
 * An agent as it is in life: new, or one that has had nothing to do. Each round has a new agent; one that
 * waits is asked once.
 */
export async function measureColdStart(input: ColdStartInput): Promise<Row[]> {
  const { floor, rounds, idle, onProgress } = input;
  for (const agent of idle) {
    runOneByOne(agent, "ADD", slice(FEW, 0, 1));
    runOneByOne(agent, "DEL", slice(FEW, 0, 1));
  }
  const waitingSinceMs = performance.now();
  const seen: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    onProgress(`New agents, ${round + 1} of ${rounds}`);
    seen.push(await measureNewAgents(input));
  }
  onProgress("ADD of agents that have waited");
  await delay(Math.max(0, waitingSinceMs + IDLE_MS - performance.now()));
  const alone = idle.map((agent) => ({ raw: addOnce(floor), ours: addOnce(agent) }));
  const raw = (values: readonly (readonly number[])[]): Measurement => {
    return { id: floor.id, name: floor.name("ADD"), rounds: values };
  };
  const ours = (name: string, values: readonly (readonly number[])[], id = "causeway"): Measurement => {
    return { id, name: `Causeway${name}`, rounds: values };
  };
  const row = (name: string, ...measurements: readonly Measurement[]): Row => {
    return { name, ours: "causeway", measurements };
  };
  return [
    row(
      COLD_ROWS.first,
      raw(seen.map((round) => round.raw.slice(0, FEW))),
      ours(
        ", the first",
        seen.map(({ adds }) => adds.slice(0, 1)),
      ),
      ours(
        ", the nine after it",
        seen.map(({ adds }) => adds.slice(1, FEW)),
        "causeway-next",
      ),
    ),
    row(
      COLD_ROWS.many,
      raw(seen.map((round) => round.raw)),
      ours(
        "",
        seen.map(({ adds }) => adds),
      ),
    ),
    row(
      COLD_ROWS.burst,
      ours(
        ", later",
        seen.map(({ bursts }) => [bursts[1]]),
        "causeway-later",
      ),
      ours(
        ", the first",
        seen.map(({ bursts }) => [bursts[0]]),
      ),
    ),
    row(
      COLD_ROWS.alone,
      raw(alone.map((round) => round.raw)),
      ours(
        "",
        alone.map((round) => round.ours),
      ),
    ),
  ];
}

async function measureNewAgents({ floor, pods, start }: ColdStartInput): Promise<Round> {
  const all = slice(pods, 0, 1);
  const raw = runOneByOne(floor, "ADD", all);
  runAtOnce(floor, "DEL", all);
  const withAgent = async <T>(work: (agent: Program) => T): Promise<T> => {
    const agent = await start();
    try {
      return work(agent);
    } finally {
      runAtOnce(agent, "DEL", all);
      await agent.close();
    }
  };
  return {
    raw,
    adds: await withAgent((agent) => runOneByOne(agent, "ADD", all)),
    bursts: await withAgent((agent) => {
      const first = runAtOnce(agent, "ADD", all);
      runAtOnce(agent, "DEL", all);
      return [first, runAtOnce(agent, "ADD", all)];
    }),
  };
}

function addOnce(program: Program): readonly number[] {
  const taken = runOneByOne(program, "ADD", [0]);
  runOneByOne(program, "DEL", [0]);
  return taken;
}
