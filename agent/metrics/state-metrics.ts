import { Counter, Gauge, type Registry } from "prom-client";
import { type ReadKey, type ReadSessions, registerEncryption } from "./encryption-metrics.ts";
import { type PolicyCounts, registerDenials, showPolicies } from "./policy-metrics.ts";
import { createStateGauges, type StateGauges } from "./state-gauges.ts";
import type { PoolUse } from "../ipam/ipam.ts";
import type { DenialTotal } from "../plan/policy/drops/denial-totals.ts";
import type { Attachment } from "../plan/pods/attachment.ts";
import type { RouteCounts } from "../plan/peers/count-routes.ts";
import { PROTOCOLS } from "../plan/pods/host-ports.ts";
import { NO_SETTINGS } from "../plan/pods/pod-settings.ts";
import type { RefusalCounts } from "../plan/peers/refusal.ts";
import { DROP_REASONS, type DropReason } from "../plan/rules/drop-reasons.ts";

/** Read at every scrape: the state itself is the truth, no number is kept beside it. */
export interface AgentState {
  readonly pools: () => readonly PoolUse[];
  readonly attachments: () => readonly Attachment[];
  readonly isReady: () => boolean;
  readonly rivals: () => number;
  readonly foreignDrops: () => number;
  /** Lines of the log that nobody took. */
  readonly lostLines: () => number;
  /** Pods that do not get their network, by the code of their last ADD. */
  readonly failingPods: () => ReadonlyMap<number, number>;
  /** Requests of the shim that are not answered yet, and those of them that wait for a place. */
  readonly requests: () => { readonly inWork: number; readonly waiting: number };
  readonly nodes: () => { readonly known: number; readonly malformed: number };
  readonly peers: () => PeerCounts;
  /** Frames of pods that the guard at their ports has dropped since its table was made, by reason. */
  readonly drops: () => Promise<Readonly<Record<DropReason, number>>>;
  readonly sessions: ReadSessions;
  readonly key: ReadKey;
  readonly policies: () => PolicyCounts;
  /** Packets that policies have dropped. */
  readonly denials: () => Promise<readonly DenialTotal[]>;
  readonly watch: () => { readonly restarts: number; readonly lastEventAgeSeconds: number };
}

export interface PeerCounts {
  /** PodCIDRs of other nodes by the way to them. */
  readonly podCidrs: RouteCounts;
  /** Other nodes, each by the worst of its ways. */
  readonly nodes: RouteCounts;
  /** PodCIDRs and addresses of nodes that do not count, by reason. */
  readonly refused: RefusalCounts;
  /** Nodes that are reached in clear although this one encrypts. */
  readonly inClear: number;
  /** Routes that are wanted: direct ones and those through the overlay, also to nodes that are cut off. */
  readonly desired: number;
  /** Those of them that are in the kernel. */
  readonly programmed: number;
}

/**
 * Registers the metrics that show what is, as opposed to what has happened. Label sets are bounded by the
 * program, but for this node's PodCIDRs.
 */
export function registerStateMetrics(register: Registry, state: AgentState, codes: readonly number[]): void {
  const show = createStateGauges(register);
  registerPools(register, state.pools);
  showPods(show, state);
  showRequests(show, state, codes);
  showNodes(show, state);
  showPeers(show, state);
  showPolicies(show, state.policies);
  registerDenials(register, state.denials);
  registerDrops(register, state.drops);
  registerEncryption(register, state);
  showHealth(show, state);
}

/** What pods have. */
function showPods(show: StateGauges, state: AgentState): void {
  show.gauge(
    "causeway_attachments",
    "Pod interfaces that exist on this node.",
    () => state.attachments().length,
  );
  show.gaugeBy(
    "protocol",
    "causeway_host_ports",
    "Ports of this node that lead to pods, by protocol.",
    () => {
      const ports = state.attachments().flatMap(({ settings = NO_SETTINGS }) => settings.hostPorts);
      const countOf = (wanted: string): number => ports.filter(({ protocol }) => protocol === wanted).length;
      return Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, countOf(protocol)]));
    },
  );
  show.gaugeBy(
    "direction",
    "causeway_bandwidth_limits",
    "Limits of pods, by direction: ingress is what a pod receives.",
    () => {
      const limits = state.attachments().map(({ settings = NO_SETTINGS }) => settings.bandwidth);
      return {
        ingress: limits.filter(({ ingress }) => ingress !== undefined).length,
        egress: limits.filter(({ egress }) => egress !== undefined).length,
      };
    },
  );
}

/** What runtimes wait for. */
function showRequests(show: StateGauges, state: AgentState, codes: readonly number[]): void {
  show.gauge(
    "causeway_cni_requests_in_flight",
    "CNI requests that are not answered yet.",
    () => state.requests().inWork,
  );
  show.gauge(
    "causeway_cni_queue_length",
    "CNI requests that wait because too many are in progress.",
    () => state.requests().waiting,
  );
  show.gaugeBy(
    "code",
    "causeway_failing_pods",
    "Pods whose last ADD failed within the last 2 minutes, by its code; each counts once, however often it is tried.",
    () => {
      const counts = state.failingPods();
      return Object.fromEntries(codes.map((code) => [code, counts.get(code) ?? 0]));
    },
  );
}

/** Who there is, and who does not count. */
function showNodes(show: StateGauges, state: AgentState): void {
  show.gauge(
    "causeway_nodes",
    "Nodes of the cluster that are known and usable, this one included.",
    () => state.nodes().known,
  );
  show.gaugeBy(
    "reason",
    "causeway_nodes_skipped",
    "PodCIDRs and Node objects without a route, by reason: malformed (the Node object cannot be used), conflict (a PodCIDR belongs to another node), refused (a PodCIDR or an address that no node may have), unreachable (a PodCIDR has no route, or its node has none).",
    () => {
      const { refused, podCidrs } = state.peers();
      const { conflict, ...others } = refused;
      const sum = Object.values(others).reduce((total, count) => total + count, 0);
      return {
        malformed: state.nodes().malformed,
        conflict,
        refused: sum,
        unreachable: podCidrs.unreachable,
      };
    },
  );
  show.gaugeBy(
    "reason",
    "causeway_peers_refused",
    "PodCIDRs and addresses of nodes that are refused, by cause.",
    () => state.peers().refused,
  );
}

/** The routes to other nodes. */
function showPeers(show: StateGauges, state: AgentState): void {
  show.gaugeBy(
    "route",
    "causeway_peers",
    "Other nodes by kind of route; a node with several PodCIDRs counts by the worst: unreachable, held, overlay, direct, encrypted.",
    () => state.peers().nodes,
  );
  show.gaugeBy(
    "route",
    "causeway_peer_pod_cidrs",
    "PodCIDRs of other nodes by kind of route; held ones keep the route that they have until a new one is known, unreachable ones may have one that waits for an underlay route.",
    () => state.peers().podCidrs,
  );
  show.gauge(
    "causeway_peers_in_clear",
    "Other nodes that are reached in clear although this node encrypts.",
    () => state.peers().inClear,
  );
  show.gaugeBy(
    "state",
    "causeway_routes",
    "Routes to other nodes: desired, and of these programmed in the kernel.",
    () => {
      const { desired, programmed } = state.peers();
      return { desired, programmed };
    },
  );
}

/** The agent itself, and what stands in its way. */
function showHealth(show: StateGauges, state: AgentState): void {
  show.counter(
    "causeway_watch_restarts_total",
    "Restarts of the watch of nodes, or of the nodes file.",
    () => state.watch().restarts,
  );
  show.counter(
    "causeway_log_lines_lost_total",
    "Log lines lost because the pipe was full or closed, or the disk was full.",
    () => state.lostLines(),
  );
  show.gauge(
    "causeway_watch_last_event_age_seconds",
    "Time since anything was heard from the source of nodes; an API server sends a bookmark every minute.",
    () => state.watch().lastEventAgeSeconds,
  );
  show.gauge("causeway_ready", "1 when the node can start pods, else 0; /readyz says why not.", () =>
    state.isReady() ? 1 : 0,
  );
  show.gauge("causeway_foreign_drops", "Chains of other packet filters that drop packets of pods.", () =>
    state.foreignDrops(),
  );
  show.gauge("causeway_rival_conflists", "CNI configurations that runtimes load instead of ours.", () =>
    state.rivals(),
  );
}

function registerDrops(register: Registry, drops: AgentState["drops"]): void {
  new Counter({
    name: "causeway_dropped_packets_total",
    help: "Packets that our guards dropped, by reason. Frames of pods: source (not from an address of the pod), destination (not to the gateway, or to 127.0.0.0/8), group (to everybody), protocol (neither IPv4 nor IPv6), discovery (of neighbours, routers and listeners, as kernels do at their start), redirect, link-local (to such an address); and packets of the overlay: overlay-pod (of a pod, to the overlay's port of a node), overlay-outer (not from a node of the cluster, or not from where it is reached), overlay-inner (under an inner source that the sending node does not have); unencrypted (between pods of different nodes in clear, where encryption is required); and outsider (under an address of the node's PodCIDRs, from a foreign link).",
    labelNames: ["reason"] as const,
    registers: [register],
    async collect() {
      const counts = await drops();
      this.reset();
      for (const reason of DROP_REASONS) this.inc({ reason }, counts[reason]);
    },
  });
}

function registerPools(register: Registry, pools: AgentState["pools"]): void {
  new Gauge({
    name: "causeway_addresses",
    help: "Pod addresses by PodCIDR, family and state: taken, cooling (freed within the last 30 s) or free.",
    labelNames: ["cidr", "family", "state"] as const,
    registers: [register],
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
    name: "causeway_address_pool_size",
    help: "Addresses that pods can have, by PodCIDR and family.",
    labelNames: ["cidr", "family"] as const,
    registers: [register],
    collect() {
      this.reset();
      for (const { cidr, family, size } of pools()) this.set({ cidr, family: String(family) }, size);
    },
  });
}
