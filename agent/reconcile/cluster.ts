import type { PeersOptions } from "../kernel/peer/ensure-peers.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Change } from "../kernel/types.ts";
import type { Log } from "../log/log.ts";
import type { Family } from "../net/address.ts";
import { addressAt, type Cidr, formatCidr } from "../net/cidr.ts";
import { mergeCidrs } from "../net/merge-cidrs.ts";
import type { Claims } from "../plan/peers/cluster-claims.ts";
import type { Claim } from "../plan/peers/claim.ts";
import { noRoutes } from "../plan/peers/count-routes.ts";
import { overlayNodes } from "../plan/peers/overlay-nodes.ts";
import { createPeerPlanner, type OverlayMode, type PeerPlan } from "../plan/peers/peer-routes.ts";
import {
  describeCut,
  ownClaims,
  type PeersPlan,
  planPeers,
  type VxlanSettings,
} from "../plan/peers/peers.ts";
import { countRefusals, ownRefusal } from "../plan/peers/refusal.ts";
import type { PodNetwork } from "../plan/policy/compile/table-sets.ts";
import { writeOverlayElements } from "../plan/rules/overlay-bindings.ts";
import { planRuleset } from "../plan/rules/ruleset.ts";
import type { Ruleset } from "../plan/nft/nft-table.ts";
import type { Underlay } from "../plan/node/underlay.ts";
import type { Readiness } from "../lib/readiness.ts";
import { rememberLast } from "../lib/remember-last.ts";
import type { PeerCounts } from "../metrics/state-metrics.ts";
import { inPart } from "./runner/in-part.ts";
import { inSlices } from "./runner/in-slices.ts";
import { inTurn } from "./runner/in-turn.ts";
import type { SettleClaims } from "./settle-claims.ts";
import { createChangeReporter } from "./report-changes.ts";
import { createProblemReporter } from "./report-problems.ts";

/** This node's side of what is between nodes, as last made. */
export interface LocalNetwork {
  readonly addresses: readonly string[];
  readonly podCidrs: readonly Cidr[];
  /** PodCIDRs that the node had before and that pods still use. */
  readonly formerCidrs: readonly Cidr[];
  readonly underlay: Underlay;
}

export interface ClusterReconcilerInput extends VxlanSettings {
  readonly kernel: Pick<Kernel, "ensurePeers" | "ensureRuleset" | "listPeers">;
  readonly readiness: Pick<Readiness, "set" | "warn">;
  readonly log: Log;
  readonly nodeName: string;
  readonly bridge: string;
  readonly overlay: OverlayMode;
  readonly masquerade: readonly Family[];
  readonly masqueradeRandomPorts: boolean;
  readonly nonMasqueradeCIDRs: readonly Cidr[];
  /** The space of all PodCIDRs, where it is set. */
  readonly clusterCIDRs: readonly Cidr[];
  /** False until all nodes are known: before that, one that is missing may still exist. */
  readonly isComplete: () => boolean;
  readonly settleClaims: SettleClaims;
  /** Undefined before this node's own network is there. */
  readonly local: () => LocalNetwork | undefined;
  readonly onRepair: (kind: string, fault: string) => void;
  /** The ruleset could not be applied or verified. */
  readonly onRulesetError: () => void;
  /** Hears of nodes that cannot be reached. */
  readonly onProblem: (note: string) => void;
  /** Hears of PodCIDRs and addresses of nodes that are refused. */
  readonly onRefusal: (note: string) => void;
  /** Hears when what is refused of this node has changed. */
  readonly onOwnRefusal: () => void;
}

export interface ClusterReconciler {
  /**
   * Plans masquerade and the routes to all other nodes, and makes them so. Without `verify` what was made before is taken as still there. "again"
   * when the kernel refused a part that may work later.
   */
  run(options: { readonly verify: boolean }): Promise<"again" | undefined>;
  counts(): PeerCounts;
  /** The routes to all other nodes, as planned by the last run. */
  peers(): readonly { readonly claim: Claim; readonly plan: PeerPlan }[];
  /** What pods may be in, as far as it is known: the configured space, this node's PodCIDRs and those of all others. */
  clusterCidrs(): readonly Cidr[];
  /** PodCIDRs of all nodes, with the gateways in them; the same object for as long as no node changes. Undefined before all nodes are known. */
  podNetwork(): PodNetwork | undefined;
  /** What an operator must know of other nodes, as sentences, from the last run. */
  problems(): readonly string[];
}

/** What one run makes so. */
interface Planned {
  readonly local: LocalNetwork;
  readonly claims: Claims;
  readonly peers: PeersPlan;
  /** Whether all nodes were known when it began. */
  readonly isComplete: boolean;
}

const NO_PEERS: PeerCounts = {
  podCidrs: noRoutes(),
  nodes: noRoutes(),
  refused: countRefusals([]),
  desired: 0,
  programmed: 0,
};

export function createClusterReconciler(input: ClusterReconcilerInput): ClusterReconciler {
  const { kernel, readiness, log, nodeName } = input;
  const reportChanges = createChangeReporter(input);
  const reportProblems = createProblemReporter({
    log,
    report: input.onProblem,
    subject: "Other nodes",
    over: "All nodes are reachable again",
  });
  const reportRefusals = createProblemReporter({
    log,
    report: input.onRefusal,
    subject: "Other nodes",
    over: "No node claims a prefix or an address that it may not have any more",
  });
  const podNetworkOnce = rememberLast((cidrs: readonly Cidr[]): PodNetwork => {
    return { cidrs, gateways: gatewaysOf(cidrs) };
  });
  const planRulesetOnce = rememberLast(planRuleset);
  const plannerOnce = rememberLast(createPeerPlanner);
  let appliedRuleset: Ruleset | undefined;
  let appliedPeers: PeersPlan | undefined;
  let counts = NO_PEERS;
  let problems: readonly string[] = [];
  let settled: Claims["claims"] = new Map();
  /** What the last run knew of all nodes. */
  let complete: { readonly local: LocalNetwork; readonly claims: Claims["claims"] } | undefined;
  let lastRefusal: string | undefined;

  /** Whether packets may come out of the overlay: also as long as a device that is not needed any more may still be there. */
  const isReceiver = (peers: PeersPlan, isComplete: boolean): boolean =>
    !isComplete || peers.held.size > 0 || [peers, appliedPeers].some((plan) => plan?.tunnels.length);

  const applyRuleset = async ({ local, claims: { claims }, peers, isComplete }: Planned): Promise<void> => {
    const podCidrs = livePrefixes(local);
    // Until all nodes are known, those that were routed to before a restart are of the cluster as well: their traffic goes on.
    const remembered = isComplete ? [] : await kernel.listPeers();
    const { serviceAddresses } = local.underlay;
    const receives = isReceiver(peers, isComplete);
    const nodes = overlayNodes({ claims, remembered, isOwn: ownClaims({ nodeName, ownCidrs: podCidrs }) });
    await inSlices(receives ? nodes : [], (node) => writeOverlayElements(node, local.addresses));
    const key = [
      podCidrs.map(formatCidr),
      remembered.map(({ destination, node = "" }) => `${formatCidr(destination)}@${node}`),
      [receives, local.addresses, serviceAddresses],
    ].join(" ");
    const ruleset = planRulesetOnce([claims, key], () => ({
      bridge: input.bridge,
      podCidrs,
      serviceAddresses,
      insideCidrs: [
        ...input.nonMasqueradeCIDRs,
        ...[...claims.values()].map(({ cidr }) => cidr),
        ...remembered.map(({ destination }) => destination),
      ],
      masquerade: { families: input.masquerade, randomPorts: input.masqueradeRandomPorts },
      overlay:
        input.overlay === "never" && !receives
          ? undefined
          : {
              bridge: input.bridge,
              devices: peers.tunnelNames,
              port: input.vxlanPort,
              vni: input.vxlanVni,
              isReceiver: receives,
              ownAddresses: local.addresses,
              nodes,
            },
    }));
    const found = await kernel.ensureRuleset(ruleset).catch((error: unknown) => {
      input.onRulesetError();
      throw error;
    });
    const faults = found.map((fault): Change => ({ kind: "ruleset", fault }));
    reportChanges(faults, { isRepair: appliedRuleset === ruleset });
    appliedRuleset = ruleset;
  };

  const networkOf = ({ local, claims }: NonNullable<typeof complete>): PodNetwork => {
    const own = livePrefixes(local);
    return podNetworkOnce([claims, own.map(formatCidr).join()], () => {
      return [...own, ...[...claims.values()].map(({ cidr }) => cidr)];
    });
  };

  const plannerFor = ({ addresses: ownAddresses, podCidrs, underlay }: LocalNetwork) => {
    const ownGateways = gatewaysOf(podCidrs);
    const { routes } = underlay;
    const key = JSON.stringify([ownAddresses, ownGateways, [...underlay.addresses.keys()]]);
    const planPeer = plannerOnce([key], () => {
      return { overlay: input.overlay, ownAddresses, ownGateways, underlay };
    });
    return (claim: Claim): PeerPlan => planPeer(claim, (address) => routes.get(address));
  };

  const plan = async (local: LocalNetwork, { claims }: Claims): Promise<PeersPlan> => {
    const { addresses: ownAddresses, podCidrs, underlay } = local;
    const planPeer = plannerFor(local);
    const ownCidrs = livePrefixes(local);
    const ownGateways = gatewaysOf(podCidrs);
    await inSlices([...claims.values()], planPeer);
    return planPeers({
      claims,
      nodeName,
      ownCidrs,
      ownAddresses,
      ownGateways,
      planPeer,
      underlay,
      settings: input,
    });
  };

  const applyPeers = async (
    peers: PeersPlan,
    { refusals }: Claims,
    options: PeersOptions,
  ): Promise<boolean> => {
    const { routes, podCidrs, nodes } = peers;
    const { size } = routes;
    const refused = countRefusals(refusals);
    const refusalTexts = refusals.map(({ text }) => text);
    reportRefusals(refusalTexts);
    // What a failure leaves unknown is no more than there was.
    counts = { podCidrs, nodes, refused, desired: size, programmed: Math.min(counts.programmed, size) };
    const outcome = await kernel.ensurePeers(peers, options);
    reportChanges(outcome.changes, { isRepair: isSamePlan(appliedPeers, peers) });
    appliedPeers = peers;
    const missing = outcome.conflicts.length + outcome.refusals.length;
    counts = { ...counts, programmed: Math.max(0, size - missing) };
    const unreachable = [...peers.problems, ...outcome.conflicts, ...outcome.refusals];
    reportProblems(unreachable);
    problems = [...refusalTexts, ...unreachable];
    return outcome.refusals.length === 0;
  };

  return {
    counts: () => counts,
    problems: () => problems,
    clusterCidrs() {
      const local = input.local();
      const own = local === undefined ? [] : livePrefixes(local);
      return mergeCidrs([...input.clusterCIDRs, ...own, ...[...settled.values()].map(({ cidr }) => cidr)]);
    },
    podNetwork: () => complete && networkOf(complete),
    peers() {
      const local = input.local();
      if (local === undefined) return [];
      const isOwn = ownClaims({ nodeName, ownCidrs: livePrefixes(local) });
      const planPeer = plannerFor(local);
      return [...settled.values()]
        .filter((claim) => !isOwn(claim))
        .map((claim) => ({ claim, plan: planPeer(claim) }));
    },
    async run({ verify }) {
      const local = input.local();
      if (local === undefined) return undefined;
      // Before all else: what comes while others have their turn is none of this run's business.
      const isComplete = input.isComplete();
      const claims = await input.settleClaims(local.underlay.surroundings);
      settled = claims.claims;
      if (isComplete) complete = { local, claims: settled };
      const refusal = ownRefusal(claims, nodeName);
      if (refusal !== lastRefusal) input.onOwnRefusal();
      lastRefusal = refusal;
      const peers = await plan(local, claims);
      readiness.warn("MTU", describeCut(peers.tunnels));
      let isDone = false;
      // The ruleset first: no connection to a new node's pods is to begin under this node's address.
      await inTurn([
        () => inPart(readiness, "masquerade", () => applyRuleset({ local, claims, peers, isComplete })),
        () =>
          inPart(readiness, "routes", async () => {
            isDone = await applyPeers(peers, claims, { prune: isComplete, verify });
          }),
      ]);
      return isDone ? undefined : "again";
    },
  };
}

function gatewaysOf(podCidrs: readonly Cidr[]): readonly string[] {
  return podCidrs.map((cidr) => addressAt(cidr, 1n));
}

/** Prefixes in which pods of this node live. */
function livePrefixes({ podCidrs, formerCidrs }: LocalNetwork): readonly Cidr[] {
  return [...podCidrs, ...formerCidrs];
}

function isSamePlan(a: PeersPlan | undefined, b: PeersPlan): boolean {
  if (a === undefined || a.routes.size !== b.routes.size) return false;
  if (JSON.stringify(a.tunnels) !== JSON.stringify(b.tunnels)) return false;
  for (const [key, route] of b.routes) if (a.routes.get(key) !== route) return false;
  return true;
}
