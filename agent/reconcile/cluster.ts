import { describeUnanswered } from "../plan/encryption/describe-peer.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Readiness } from "../lib/readiness.ts";
import { rememberLast } from "../lib/remember-last.ts";
import type { PeerCounts } from "../metrics/state-metrics.ts";
import { withRange } from "../net/address-range.ts";
import { type Cidr, formatCidr } from "../net/cidr.ts";
import { mergeCidrs } from "../net/merge-cidrs.ts";
import type { Claim } from "../plan/peers/claim.ts";
import type { Claims } from "../plan/peers/cluster-claims.ts";
import type { PeerPlan } from "../plan/peers/peer-routes.ts";
import { describeCut, ownClaims, type PeersPlan } from "../plan/peers/peers.ts";
import { ownRefusal } from "../plan/peers/refusal.ts";
import type { PodNetwork } from "../plan/policy/compile/table-sets.ts";
import {
  type ClusterEncryptionInput,
  type ClusterEncryption,
  createClusterEncryption,
  type RouteEncryption,
} from "./cluster/cluster-encryption.ts";
import { type ClusterRoutesInput, createClusterRoutes } from "./cluster/cluster-routes.ts";
import { type ClusterRulesetInput, createClusterRuleset } from "./cluster/cluster-ruleset.ts";
import { gatewaysOf, livePrefixes, type LocalNetwork } from "./cluster/local-network.ts";
import { type ClusterPlannerInput, createClusterPlanner } from "./cluster/plan-cluster.ts";
import { createChangeReporter } from "./report/report-changes.ts";
import { inPart } from "./runner/in-part.ts";
import { inTurn } from "./runner/in-turn.ts";
import type { SettleClaims } from "./settle-claims.ts";

type PartsInput = Omit<
  ClusterRulesetInput & ClusterRoutesInput & ClusterPlannerInput & ClusterEncryptionInput,
  "kernel" | "reportChanges"
>;

export interface ClusterReconcilerInput extends PartsInput {
  readonly kernel: Pick<Kernel, "ensurePeers" | "listPeers"> &
    ClusterRulesetInput["kernel"] &
    ClusterEncryptionInput["kernel"];
  readonly readiness: Pick<Readiness, "set" | "warn">;
  /** The space of all PodCIDRs, where it is set. */
  readonly clusterCIDRs: readonly Cidr[];
  /** False until all nodes are known: before that, one that is missing may still exist. */
  readonly isComplete: () => boolean;
  readonly settleClaims: SettleClaims;
  /** Undefined before this node's own network is there. */
  readonly local: () => LocalNetwork | undefined;
  readonly onRepair: (kind: string, fault: string) => void;
  /** Hears when what is refused of this node has changed. */
  readonly onOwnRefusal: () => void;
}

export interface ClusterReconciler {
  /**
   * Plans masquerade and the routes to all other nodes, and makes them so. Without `verify` what was made
   * before is taken as still there. "again" when the kernel refused a part that may work later.
   */
  run(options: { readonly verify: boolean }): Promise<"again" | undefined>;
  counts(): PeerCounts;
  /** The routes to all other nodes, as planned by the last run. */
  peers(): readonly { readonly claim: Claim; readonly plan: PeerPlan }[];
  /**
   * What pods may be in, as far as it is known: the configured space, this node's PodCIDRs and those of all
   * others.
   */
  clusterCidrs(): readonly Cidr[];
  /**
   * PodCIDRs of all nodes, with the gateways in them; the same object for as long as no node changes.
   * Undefined before all nodes are known.
   */
  podNetwork(): PodNetwork | undefined;
  /** What an operator must know of other nodes, as sentences, from the last run. */
  problems(): readonly string[];
  /** This node's keys, and their rotation. */
  readonly keys: Pick<ClusterEncryption, "report" | "rotateKey" | "rotation" | "sessions">;
  stop(): void;
}

/** What a run knew of all nodes. */
interface KnownNodes {
  readonly local: LocalNetwork;
  readonly claims: Claims["claims"];
}

export function createClusterReconciler(input: ClusterReconcilerInput): ClusterReconciler {
  const { readiness, nodeName } = input;
  const parts = { ...input, reportChanges: createChangeReporter(input) };
  const planner = createClusterPlanner(input);
  const applyRuleset = createClusterRuleset(parts);
  const routes = createClusterRoutes(parts);
  const encryption = createClusterEncryption(parts);
  const podNetworkOf = createPodNetwork();
  let settled: Claims["claims"] = new Map();
  let used: RouteEncryption | undefined;
  /** The last one that knew all. */
  let complete: KnownNodes | undefined;
  let lastRefusal: string | undefined;

  return {
    counts: routes.counts,
    keys: encryption,
    stop: encryption.stop,
    problems: () => [...routes.problems(), ...describeSilent(encryption.sessions, input.nowSeconds())],
    clusterCidrs: () => clusterSpace(input, settled),
    podNetwork: () => complete && podNetworkOf(complete),
    peers() {
      const local = input.local();
      if (local === undefined) return [];
      const isOwn = ownClaims({ nodeName, ownCidrs: livePrefixes(local) });
      const planPeer = planner.planPeer(local, used);
      const others = [...settled.values()].filter((claim) => !isOwn(claim));
      return others.map((claim) => ({ claim, plan: planPeer(claim) }));
    },
    async run({ verify }) {
      const local = input.local();
      if (local === undefined) return undefined;
      // Before all else: what comes while others have their turn is none of this run's business.
      const isComplete = input.isComplete();
      const found = await input.settleClaims(local.underlay.surroundings);
      const { claims, refusals } = found;
      settled = claims;
      if (isComplete) complete = { local, claims };
      const refusal = ownRefusal(found, nodeName);
      if (refusal !== lastRefusal) input.onOwnRefusal();
      lastRefusal = refusal;
      used = await encryption.begin({ local, claims, verify });
      const peers = await planner.plan(local, claims, used);
      readiness.warn("MTU", describeCut(peers.tunnels));
      const { tunnelNames } = peers;
      const common = { local, claims, tunnelNames, isComplete, verify };
      const rules = { ...common, isReceiver: isReceiver([peers, routes.lastPlan()], isComplete) };
      let isDone = false;
      // The ruleset first: no connection to a new node's pods is to begin under this node's address.
      await inTurn([
        () => inPart(readiness, "masquerade", () => applyRuleset(rules)),
        // A node whose packets are understood is routed to, and told how to send its own.
        () =>
          inPart(readiness, "encryption", () => encryption.applyPeers(peers, { prune: isComplete, verify })),
        () =>
          inPart(readiness, "routes", async () => {
            const refused = [...refusals, ...(used?.refusals ?? [])];
            isDone = await routes.apply(peers, refused, { prune: isComplete, verify });
          }),
        () => encryption.clearUp(isComplete),
      ]);
      return isDone ? undefined : "again";
    },
  };
}

function describeSilent(
  { unanswered }: ClusterEncryption["sessions"],
  nowSeconds: number,
): readonly string[] {
  return unanswered().map(({ peer, node }) => describeUnanswered(peer, nowSeconds, node));
}

/** Also as long as a device that is not needed any more may still be there. */
function isReceiver(plans: readonly (PeersPlan | undefined)[], isComplete: boolean): boolean {
  return !isComplete || plans[0]?.held.size !== 0 || plans.some((plan) => plan?.tunnels.length);
}

/** What pods may be in, as far as it is known. */
function clusterSpace(
  { clusterCIDRs, local }: Pick<ClusterReconcilerInput, "clusterCIDRs" | "local">,
  claims: Claims["claims"],
): readonly Cidr[] {
  const network = local();
  const own = network === undefined ? [] : livePrefixes(network);
  return mergeCidrs([...[...clusterCIDRs, ...own].map(withRange), ...claims.values()]);
}

/** PodCIDRs of all nodes: the same object for as long as none changes. */
function createPodNetwork(): (known: KnownNodes) => PodNetwork {
  const once = rememberLast((cidrs: readonly Cidr[]): PodNetwork => {
    return { cidrs, gateways: gatewaysOf(cidrs) };
  });
  return ({ local, claims }) => {
    const own = livePrefixes(local);
    return once([claims, own.map(formatCidr).join()], () => [
      ...own,
      ...[...claims.values()].map(({ cidr }) => cidr),
    ]);
  };
}
