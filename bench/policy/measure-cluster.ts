import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { run } from "../machine.ts";
import { type Process, repositoryFile, start, startAgent } from "../scale/processes.ts";
import { median, summarize } from "../statistics.ts";
import { cpuDuring, memoryMb } from "../usage.ts";
import { CLUSTER } from "./cluster-plan.ts";

/** Policies of the cluster: none; such as name namespaces; with one over all namespaces. */
export type Policies = "none" | "named" | "cluster";

/**
 * Times in milliseconds, memory in MB, CPU in percent of one core; what needs policies is undefined without.
 */
export interface ClusterResult {
  readonly readyMs: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
  readonly idleCpu: number;
  readonly churnCpu: number;
  readonly podMedianMs: number | undefined;
  readonly podP99Ms: number | undefined;
  readonly editMedianMs: number | undefined;
  readonly editWorstMs: number | undefined;
}

const CHURN_PER_SECOND = 20;
const PODS = 200;
const EDITS = 20;
const SETTLE_MS = 10_000;
/** An agent that is ready is an ordinary one when V8 has given back what its start took. */
const START_MS = 30_000;

interface Running {
  readonly policies: Policies;
  readonly agent: Process;
  readonly server: Process;
  readonly watch: Process;
}

export async function measureCluster(policies: Policies): Promise<ClusterResult> {
  const folder = mkdtempSync(join(tmpdir(), "policy-"));
  const kubeconfig = join(folder, "kubeconfig");
  const script = repositoryFile("bench/policy/run-cluster.ts");
  const server = start(process.execPath, [script, "--kubeconfig", kubeconfig, "--policies", policies]);
  await server.line(/^http/);
  const watch = start(repositoryFile("dist/bench/watch-table"), ["causeway-policy"]);
  await watch.line(/^listening/);
  const startMs = performance.now();
  const agent = startAgent(folder, { kubeconfig, "log-level": "debug" });
  try {
    const ready = await agent.line(/"part":"installation","msg":"Ready"/);
    return { readyMs: ready.atMs - startMs, ...(await measureAgent({ policies, agent, server, watch })) };
  } finally {
    for (const process of [agent, watch, server]) await process.end();
    run(["ip", "link", "del", "cw0"]);
    rmSync(folder, { recursive: true });
  }
}

async function measureAgent(running: Running): Promise<Omit<ClusterResult, "readyMs">> {
  const { policies, agent, server } = running;
  await delay(START_MS);
  const pods = policies === "none" ? [] : await measureEach(running, PODS, (index) => `pod ${index}`);
  const edits =
    policies === "none"
      ? []
      : await measureEach(running, EDITS, (index) => `edit ${index % CLUSTER.ownPolicies}`);
  await delay(SETTLE_MS);
  const idleCpu = await cpuDuring(agent, 20);
  server.write(`churn ${CHURN_PER_SECOND}\n`);
  await delay(SETTLE_MS);
  const churnCpu = await cpuDuring(agent, 30);
  const hasPolicies = pods.length > 0;
  return {
    rssMb: memoryMb(agent.pid, "VmRSS"),
    peakRssMb: memoryMb(agent.pid, "VmHWM"),
    idleCpu,
    churnCpu,
    podMedianMs: hasPolicies ? median(pods) : undefined,
    podP99Ms: hasPolicies ? summarize(pods).p99 : undefined,
    editMedianMs: hasPolicies ? median(edits) : undefined,
    editWorstMs: hasPolicies ? Math.max(...edits) : undefined,
  };
}

/** From each change at the API server to the kernel's notification of the policies' table. */
async function measureEach(
  { server, watch }: Running,
  count: number,
  command: (index: number) => string,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    await delay(1000 / CHURN_PER_SECOND);
    const sinceMs = performance.now();
    server.write(`${command(index)}\n`);
    times.push((await watch.line(/^changed/, sinceMs)).atMs - sinceMs);
  }
  return times;
}
