import { ownRefusal } from "../plan/peers/refusal.ts";
import { type ClusterReconciler, createClusterReconciler } from "../reconcile/cluster.ts";
import { createNodeReconciler, type NodeReconciler } from "../reconcile/node.ts";
import type { Policies } from "../reconcile/policy/policies.ts";
import { inTurn } from "../reconcile/runner/in-turn.ts";
import type { Scope } from "../reconcile/runner/scoped-runner.ts";
import type { Base } from "./base.ts";
import { knownNetwork, openPolicies, type WatchedPolicies } from "./policy/policies.ts";
import type { Source } from "./source.ts";

/** The node's own side, and what the cluster asks of it. */
export interface Reconcilers {
  readonly node: NodeReconciler;
  readonly cluster: ClusterReconciler;
  readonly policies: WatchedPolicies;
  /** Puts right what somebody else may have changed of the table of network policies. */
  verifyPolicies(): Promise<void>;
  /** Brings as much as `scope` says into its planned state; "again": something is to be tried again soon. */
  run(scope: Scope): Promise<"again" | undefined>;
}

export function createReconcilers(base: Base, source: Source): Reconcilers {
  const policies = openPolicies(base, source);
  const node = createOwnSide(base, source, policies);
  const { config, kernel, readiness, log, clock, repairs, metrics, runs } = base;
  /** Whether this node's own side was planned for what the cluster says of it now. */
  const isCurrent = (): boolean => {
    const told = source.ownAddresses();
    return told === undefined || told.join() === node.local()?.addresses.join();
  };
  const cluster = createClusterReconciler({
    ...config,
    kernel,
    readiness,
    log,
    local: node.local,
    // A change of this node itself is followed by a run of its own: before that nothing is removed for it.
    isComplete: () => source.view.isComplete() && isCurrent(),
    settleClaims: source.settleClaims,
    publishKey: source.publishKey,
    publishedKey: () => source.view.nodes().get(config.nodeName)?.wireguard,
    clock,
    nowSeconds: () => Date.now() / 1000,
    onHandshake: () => runs.trigger("cluster"),
    onRepair: repairs.tell,
    onRulesetError: metrics.countNftError,
    onProblem: source.warn("NodesUnreachable"),
    onRefusal: source.warn("NodeRefused"),
    // Another Node came or went, and with it the right to what this one has.
    onOwnRefusal: () => runs.trigger("all"),
  });
  // What goes wrong is a reason of readiness, and tried again by itself.
  const verifyPolicies = (): Promise<void> => policies.verify().catch(() => undefined);
  return {
    node,
    cluster,
    policies,
    verifyPolicies,
    async run(scope) {
      let answer: "again" | undefined;
      await inTurn([
        () => (scope === "all" ? node.run() : node.meetPeers()),
        async () => {
          answer = await cluster.run({ verify: scope !== "cluster" });
        },
        async () => {
          const network = knownNetwork(node, cluster);
          if (network !== undefined) policies.setNetwork(network);
          if (scope === "all") await verifyPolicies();
        },
      ]);
      return answer;
    },
  };
}

function createOwnSide(base: Base, source: Source, policies: Policies): NodeReconciler {
  const { config, kernel, ipam, attachments, readiness, log, clock, collection, repairs } = base;
  return createNodeReconciler({
    ...config,
    kernel,
    ipam,
    attachments,
    policies,
    readiness,
    log,
    nowMs: clock.nowMs,
    undisturbed: collection.exclusive,
    onRepair: repairs.tell,
    ownNode: source.ownNode,
    refusal: async (surroundings) => ownRefusal(await source.settleClaims(surroundings), config.nodeName),
    peerAddresses: source.peerAddresses,
  });
}
