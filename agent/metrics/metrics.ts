import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { createEndedCounter, createPolicyUpdateObserver } from "./policy-metrics.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import { type AgentState, registerStateMetrics } from "./state-metrics.ts";

export interface MetricsInput {
  readonly version: string;
  readonly nodeVersion: string;
  /**
   * Codes that a request can end with. Those of ADD are shown from the start: a counter that begins at 1 has
   * not risen for Prometheus.
   */
  readonly codes: readonly number[];
}

export interface Metrics {
  /** Shows the agent's state, too, read at every scrape. To be called once. */
  showState(state: AgentState): void;
  /**
   * Observes one CNI request: `seconds` from the start of the shim to the reply, `code` 0 or the CNI error
   * code.
   */
  observeRequest(command: string, code: number, seconds: number): void;
  /** Counts repairs of host files. */
  countFileWrite(path: string): void;
  /** Measures one reconcile run; one that throws, or answers "again", counts as an error. */
  measureReconcile<Answer>(scope: MeasuredScope, work: () => Promise<Answer>): Promise<Answer>;
  /** Counts drift that the agent repaired. */
  countRepair(kind: string): void;
  /** Counts rulesets that could not be applied or verified. */
  countNftError(): void;
  /** Observes how long a change of the table of network policies took, from the event on. */
  observePolicyUpdate(seconds: number): void;
  /** Counts connections that were ended because policies forbid them. */
  countEndedConnections(connections: number): void;
  /** The exposition text and its content type. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** From a tenth of what an ADD takes to where runtimes lose patience. */
const LATENCY_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20,
];

/** From one change among thousands of nodes to an nft program that hangs. */
const RECONCILE_BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

const COMMANDS = ["ADD", "DEL", "CHECK", "GC", "STATUS"];

/** What is reconciled, and how a run can end: all shown from the start, as codes are. */
const SCOPES = ["cluster", "peers", "all", "host_files"] as const;
const OUTCOMES = ["ok", "error"] as const;

export type MeasuredScope = (typeof SCOPES)[number];

export function createMetrics({ version, nodeVersion, codes }: MetricsInput): Metrics {
  const register = new Registry();
  const registers = [register];
  registerProcessMetrics(register);

  new Gauge({
    name: "causeway_build_info",
    help: "1, with the versions of agent and Node.js.",
    labelNames: ["version", "node_version"] as const,
    registers,
  }).set({ version, node_version: nodeVersion }, 1);
  const fileWrites = new Counter({
    name: "causeway_host_file_writes_total",
    help: "Host files that were installed or restored, by path.",
    labelNames: ["path"] as const,
    registers,
  });
  const repairs = new Counter({
    name: "causeway_drift_repairs_total",
    help: "Drift that the agent repaired, by kind.",
    labelNames: ["kind"] as const,
    registers,
  });
  const nftErrors = new Counter({
    name: "causeway_nft_errors_total",
    help: "Attempts to apply or verify the nftables tables that failed.",
    registers,
  });

  return {
    showState: (state) => registerStateMetrics(register, state, codes),
    observeRequest: createRequestObserver(registers, codes),
    countFileWrite: (path) => fileWrites.inc({ path }),
    measureReconcile: createRunMeter(registers),
    // Values with spaces have to be quoted wherever they are typed.
    countRepair: (kind) => repairs.inc({ kind: kind.replaceAll(" ", "_") }),
    countNftError: () => nftErrors.inc(),
    observePolicyUpdate: createPolicyUpdateObserver(registers),
    countEndedConnections: createEndedCounter(registers),
    expose: async () => ({ contentType: register.contentType, text: await register.metrics() }),
  };
}

function createRequestObserver(registers: Registry[], codes: readonly number[]): Metrics["observeRequest"] {
  const requests = new Counter({
    name: "causeway_cni_requests_total",
    help: "CNI requests by command and result code, 0 for success.",
    labelNames: ["command", "code"] as const,
    registers,
  });
  const latency = new Histogram({
    name: "causeway_cni_request_duration_seconds",
    help: "Time from the start of the shim process to the agent's reply, by CNI command.",
    labelNames: ["command"] as const,
    buckets: LATENCY_BUCKETS_SECONDS,
    registers,
  });
  for (const command of COMMANDS) {
    requests.inc({ command, code: "0" }, 0);
    latency.zero({ command });
  }
  for (const code of codes) requests.inc({ command: "ADD", code: String(code) }, 0);
  return (command, code, seconds) => {
    requests.inc({ command, code: String(code) });
    latency.observe({ command }, seconds);
  };
}

function createRunMeter(registers: Registry[]): Metrics["measureReconcile"] {
  const reconciles = new Counter({
    name: "causeway_reconcile_runs_total",
    help: "Reconcile runs by scope (cluster, peers, all, host_files) and outcome (ok, error).",
    labelNames: ["scope", "outcome"] as const,
    registers,
  });
  for (const scope of SCOPES) for (const outcome of OUTCOMES) reconciles.inc({ scope, outcome }, 0);
  const durations = new Histogram({
    name: "causeway_reconcile_duration_seconds",
    help: "Time that a reconcile run takes, by scope.",
    labelNames: ["scope"] as const,
    buckets: RECONCILE_BUCKETS_SECONDS,
    registers,
  });
  return async (scope, work) => {
    const end = durations.startTimer({ scope });
    let outcome: (typeof OUTCOMES)[number] = "error";
    try {
      const answer = await work();
      if (answer !== "again") outcome = "ok";
      return answer;
    } finally {
      end();
      reconciles.inc({ scope, outcome });
    }
  };
}
