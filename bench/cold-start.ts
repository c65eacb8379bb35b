import type { Row } from "./collector.ts";
import type { Program } from "./program.ts";
import { run, runOneByOne } from "./run-program.ts";

export interface ColdStartInput {
  readonly floor: Program;
  readonly rounds: number;
  /** Starts an agent on a host of its own, and waits until it is ready. */
  readonly start: () => Promise<Program>;
  readonly onProgress: (what: string) => void;
}

/** Pods after the first one, for comparison. */
const NEXT = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/**
 * The first ADD that an agent serves, before just-in-time compilers have seen one; each round has a new
 * agent.
 */
export async function measureColdStart({ floor, rounds, start, onProgress }: ColdStartInput): Promise<Row> {
  const [raw, first, next]: [number[][], number[][], number[][]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    onProgress(`First ADD of an agent, ${round + 1} of ${rounds}`);
    raw.push(runOneByOne(floor, "ADD", [0]));
    runOneByOne(floor, "DEL", [0]);
    const agent = await start();
    try {
      first.push(runOneByOne(agent, "ADD", [0]));
      next.push(runOneByOne(agent, "ADD", NEXT));
      run({ program: agent, command: "DEL", pods: [0, ...NEXT], concurrency: 10 });
    } finally {
      await agent.close();
    }
  }
  return {
    name: "ADD, the first after the agent's start",
    ours: "causeway",
    measurements: [
      { id: floor.id, name: floor.name("ADD"), rounds: raw },
      { id: "causeway", name: "Causeway, the first", rounds: first },
      { id: "causeway-next", name: "Causeway, the nine after it", rounds: next },
    ],
  };
}

/** How many pods the host of the agent has. */
export const COLD_PODS = NEXT.length + 1;
