import { startCauseway } from "../causeway.ts";
import type { Row } from "../collector.ts";
import { makeHost } from "../machine.ts";
import { run } from "../run-program.ts";
import { inTurn } from "../turns.ts";
import { makeCluster } from "./objects.ts";
import { writeObjects } from "./nodes.ts";

export const START_ROW = "start to ready, 250 pods";

const PODS = 250;
const POLICIES = 200;
const POD_CIDRS = ["10.0.1.0/24"];

export interface StartInput {
  /** Of the host, see makeHost(). */
  readonly number: number;
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
}

/**
 * Milliseconds from the start of an agent on a full node to the moment when it is ready: with no policy, and
 * with as many as a node has.
 */
export async function measureStart({ number, rounds, onProgress }: StartInput): Promise<Row> {
  const id = "start";
  const host = makeHost(id, number, PODS);
  const objects = writeObjects(
    id,
    makeCluster({ networkPolicies: POLICIES, clusterPolicies: 0, rulesPerClusterPolicy: 0, pods: PODS }),
  );
  const filler = await startCauseway({ id, host, podCIDRs: POD_CIDRS });
  const pods = Array.from({ length: PODS }, (_, pod) => pod);
  run({ program: filler, command: "ADD", pods, concurrency: 20 });
  await filler.close();
  const agents = [
    { id: "none", name: "no policy", input: {} },
    { id: "policies", name: `${POLICIES} policies`, input: { objects } },
  ];
  const times = new Map<string, number[][]>();
  for (let round = 0; round < rounds; round++) {
    onProgress(`Start, round ${round + 1} of ${rounds}`);
    for (const agent of inTurn(agents, round)) {
      const started = await startCauseway({ id, host, podCIDRs: POD_CIDRS, ...agent.input });
      await started.close();
      times.set(agent.id, [...(times.get(agent.id) ?? []), [started.startToReadyMs]]);
    }
  }
  return {
    name: START_ROW,
    ours: "none",
    measurements: agents.map(({ id: of, name }) => ({ id: of, name, rounds: times.get(of) ?? [] })),
  };
}
