import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { PoolUse } from "./ipam/ipam.ts";
import type { Attachment } from "./plan/attachment.ts";
import { PROTOCOLS } from "./plan/host-ports.ts";
import { NO_SETTINGS } from "./plan/pod-settings.ts";

export interface MetricsInput {
  readonly version: string;
  readonly nodeVersion: string;
  /** Read at every scrape: the state itself is the truth, no counter is kept beside it. */
  readonly pools: () => readonly PoolUse[];
  readonly attachments: () => readonly Attachment[];
  readonly isReady: () => boolean;
  readonly rivals: () => number;
  readonly nodes: () => { readonly known: number; readonly skipped: number };
  /** Prefixes of other nodes by the way they are reached. */
  readonly peers: () => PeerCounts;
}

export interface PeerCounts {
  readonly direct: number;
  readonly overlay: number;
  readonly held: number;
  readonly unreachable: number;
}

export interface Metrics {
  /** Observes one CNI request: `seconds` from the start of the shim to the reply, `code` 0 or the CNI error code. */
  observeRequest(command: string, code: number, seconds: number): void;
  /** Counts repairs of host files. */
  countFileWrite(path: string): void;
  /** Counts reconcile runs by part and outcome. */
  countReconcile(part: string, outcome: "ok" | "error"): void;
  /** Counts what somebody changed and the agent put back. */
  countRepair(kind: string): void;
  /** The exposition text and its content type. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** From a tenth of what an ADD takes to where runtimes lose patience. */
const LATENCY_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20,
];

/** The library's own choice wakes an idle agent a hundred times a second, which is most of what it does then. */
const EVENT_LOOP_SAMPLE_MS = 200;

export function createMetrics({
  version,
  nodeVersion,
  pools,
  attachments,
  isReady,
  rivals,
  nodes,
  peers,
}: MetricsInput): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });

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
  const fileWrites = new Counter({
    name: "causeway_host_file_writes_total",
    help: "Host files that were installed or restored, by path.",
    labelNames: ["path"] as const,
    registers,
  });
  const reconciles = new Counter({
    name: "causeway_reconcile_runs_total",
    help: "Reconcile runs by part and outcome.",
    labelNames: ["part", "outcome"] as const,
    registers,
  });
  const repairs = new Counter({
    name: "causeway_drift_repairs_total",
    help: "Things that somebody changed and the agent put back, by kind.",
    labelNames: ["kind"] as const,
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  new Gauge({
    name: "causeway_addresses",
    help: "Pod addresses by PodCIDR, family and state: taken, cooling (freed within the last 30 s) or free.",
    labelNames: ["cidr", "family", "state"] as const,
    registers,
    collect() {
      this.reset();
      for (const { cidr, family, size, taken, cooling } of pools()) {
        const labels = { cidr, family: String(family) };
        this.set({ ...labels, state: "taken" }, taken);
        this.set({ ...labels, state: "cooling" }, cooling);
        this.set({ ...labels, state: "free" }, size - taken - cooling);
      }
    },
  });
  new Gauge({
    name: "causeway_nodes",
    help: "Nodes of the cluster, this one included: known, or skipped because their objects cannot be used.",
    labelNames: ["state"] as const,
    registers,
    collect() {
      for (const [state, count] of Object.entries(nodes())) this.set({ state }, count);
    },
  });
  new Gauge({
    name: "causeway_peers",
    help: "PodCIDRs of other nodes by the way to them; held ones keep theirs while this node's own link is down.",
    labelNames: ["route"] as const,
    registers,
    collect() {
      for (const [route, count] of Object.entries(peers())) this.set({ route }, count);
    },
  });
  gauge("causeway_attachments", "Pod interfaces that exist on this node.", () => attachments().length);
  new Gauge({
    name: "causeway_host_ports",
    help: "Ports of this node that lead to pods, by protocol.",
    labelNames: ["protocol"] as const,
    registers,
    collect() {
      const ports = attachments().flatMap(({ settings = NO_SETTINGS }) => settings.hostPorts);
      for (const protocol of PROTOCOLS)
        this.set({ protocol }, ports.filter((port) => port.protocol === protocol).length);
    },
  });
  new Gauge({
    name: "causeway_bandwidth_limits",
    help: "Limits of pods, by direction: ingress is what a pod receives.",
    labelNames: ["direction"] as const,
    registers,
    collect() {
      for (const direction of ["ingress", "egress"] as const) {
        const limited = attachments().filter(
          ({ settings = NO_SETTINGS }) => settings.bandwidth[direction] !== undefined,
        );
        this.set({ direction }, limited.length);
      }
    },
  });
  gauge("causeway_ready", "1 when the node can start pods, else 0; /readyz says why not.", () =>
    isReady() ? 1 : 0,
  );
  gauge("causeway_rival_conflists", "CNI configurations that runtimes load instead of ours.", rivals);
  new Gauge({
    name: "causeway_build_info",
    help: "1, with the versions of agent and Node.js.",
    labelNames: ["version", "node_version"] as const,
    registers,
  }).set({ version, node_version: nodeVersion }, 1);

  return {
    observeRequest(command, code, seconds) {
      requests.inc({ command, code: String(code) });
      latency.observe({ command }, seconds);
    },
    countFileWrite: (path) => fileWrites.inc({ path }),
    countReconcile: (part, outcome) => reconciles.inc({ part, outcome }),
    countRepair: (kind) => repairs.inc({ kind }),
    expose: async () => ({ contentType: register.contentType, text: await register.metrics() }),
  };
}
