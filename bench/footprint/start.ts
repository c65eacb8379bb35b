import { spawnSync } from "node:child_process";
import { type Causeway, startCauseway } from "../causeway.ts";
import type { Row } from "../collector.ts";
import type { Host } from "../machine.ts";

export interface StartInput {
  /** A host without attachments. */
  readonly empty: Host;
  /** A host with attachments. */
  readonly full: Host;
  readonly fullName: string;
  readonly podCIDRs: readonly string[];
  readonly rounds: number;
}

/**
 * Milliseconds from the start of an agent to the moment when it is ready, on a node without and on one with
 * attachments.
 */
export async function measureStart({ empty, full, fullName, podCIDRs, rounds }: StartInput): Promise<Row> {
  const [bare, none, many]: [number[][], number[][], number[][]] = [[], [], []];
  const startOnce = async (id: string, host: Host): Promise<number> => {
    const agent: Causeway = await startCauseway({ id, host, podCIDRs });
    await agent.close();
    return agent.startToReadyMs;
  };
  for (let round = 0; round < rounds; round++) {
    bare.push([startNode()]);
    none.push([await startOnce("empty", empty)]);
    many.push([await startOnce("full", full)]);
  }
  return {
    name: "start to ready",
    ours: "none",
    measurements: [
      { id: "node", name: "a Node.js program that does nothing", rounds: bare },
      { id: "none", name: "Causeway, no attachments", rounds: none },
      { id: "full", name: fullName, rounds: many },
    ],
  };
}

/** From start to end. */
function startNode(): number {
  const startMs = performance.now();
  spawnSync(process.execPath, ["-e", "0"]);
  return performance.now() - startMs;
}
