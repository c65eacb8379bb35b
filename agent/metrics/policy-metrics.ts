import { Counter, Histogram, type Registry } from "prom-client";
import type { DenialTotal } from "../plan/policy/drops/denial-totals.ts";
import type { StateGauges } from "./state-gauges.ts";

/** What there is of network policies on this node. */
export interface PolicyCounts {
  /** In the whole cluster; `unread`: those of them that cannot be wholly read. */
  readonly policies: number;
  readonly unread: number;
  /** Chains of the kernel's table, and elements of its sets and maps. */
  readonly chains: number;
  readonly elements: number;
  /** Watches of the API that are open. */
  readonly watches: number;
  /**
   * Attachments of Kubernetes pods: under a policy, isolated as nobody knows their labels, and all others.
   */
  readonly pods: Readonly<Record<"selected" | "unknown" | "open", number>>;
}

/** From a transaction on a quiet node to a server that lists a whole cluster meanwhile. */
const BUCKETS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Registers the metric; gives what observes one update. */
export function createPolicyUpdateObserver(registers: Registry[]): (seconds: number) => void {
  const durations = new Histogram({
    name: "causeway_policy_update_duration_seconds",
    help: "Time from an event that changes the table of network policies until the kernel has the change.",
    buckets: BUCKETS_SECONDS,
    registers,
  });
  return (seconds) => durations.observe(seconds);
}

export function showPolicies(show: StateGauges, counts: () => PolicyCounts): void {
  show.gaugeBy(
    "state",
    "causeway_policies",
    "NetworkPolicies and ClusterNetworkPolicies of the cluster: read, or closed by what cannot be read of them.",
    () => {
      const { policies, unread } = counts();
      return { read: policies - unread, unread };
    },
  );
  show.gaugeBy(
    "state",
    "causeway_policy_pods",
    "Pod interfaces of this node: selected by a policy, unknown (isolated until their pod is known), open.",
    () => counts().pods,
  );
  show.gauge(
    "causeway_policy_chains",
    "Chains of the table of network policies, shared by pods under the same rules.",
    () => counts().chains,
  );
  show.gauge(
    "causeway_policy_elements",
    "Elements of sets and maps in the table of network policies.",
    () => counts().elements,
  );
  show.gauge(
    "causeway_policy_watches",
    "Watches of pods, namespaces, policies and nodes that network policies need.",
    () => counts().watches,
  );
}

/** Counts connections that were ended because policies forbid them. */
export function createEndedCounter(registers: Registry[]): (connections: number) => void {
  const ended = new Counter({
    name: "causeway_policy_connections_ended_total",
    help: "Connections that were ended because network policies forbid them since a change.",
    registers,
  });
  return (connections) => ended.inc(connections);
}

export function registerDenials(register: Registry, denials: () => Promise<readonly DenialTotal[]>): void {
  new Counter({
    name: "causeway_policy_denied_total",
    help: "Packets that network policies dropped, by direction and policy; one that several policies isolate from counts for each. The namespace of a ClusterNetworkPolicy is empty, as is the policy while the API has not delivered the pod's object.",
    labelNames: ["direction", "namespace", "policy"] as const,
    registers: [register],
    async collect() {
      const totals = await denials();
      this.reset();
      for (const { packets, ...labels } of totals) this.inc(labels, packets);
    },
  });
}
