import type { Config } from "../settings/config.ts";
import type { Ipam } from "../ipam/ipam.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { PodLink } from "../kernel/types.ts";
import type { NodeView } from "../kube/nodes/node-view.ts";
import type { Claim } from "../plan/peers/claim.ts";
import type { RouteCounts } from "../plan/peers/count-routes.ts";
import type { PeerPlan } from "../plan/peers/peer-routes.ts";
import { isCutOff } from "../plan/peers/peers.ts";
import type { DenialTotal } from "../plan/policy/drops/denial-totals.ts";
import { formatPodName } from "../plan/pods/names/pod-identity.ts";
import { NO_SETTINGS } from "../plan/pods/pod-settings.ts";
import type { Readiness } from "../lib/readiness.ts";
import type { Activity } from "./recent/activity.ts";
import {
  type AgentReport,
  type AttachmentReport,
  type DeniedRecord,
  MAX_PEER_PROBLEMS,
  type NodeReport,
  type OwnKeyReport,
  type PeerReport,
} from "./node-report.ts";

/** Another node's prefix, and the way to it. */
interface PlannedPeer {
  readonly claim: Claim;
  readonly plan: PeerPlan;
}

export interface ReporterInput {
  readonly version: string;
  readonly nodeVersion: string;
  readonly pid: number;
  readonly config: Config;
  readonly kernel: Pick<Kernel, "listPodLinks">;
  readonly ipam: Pick<Ipam, "use">;
  readonly readiness: Pick<Readiness, "isReady" | "reasons" | "warnings">;
  readonly activity: Activity;
  readonly view: () => NodeView;
  readonly cluster: {
    counts(): { readonly podCidrs: RouteCounts };
    peers(): readonly PlannedPeer[];
    problems(): readonly string[];
    readonly keys: {
      report(): OwnKeyReport | undefined;
      readonly sessions: { unanswered(): readonly { readonly peer: { readonly publicKey: string } }[] };
    };
  };
  /** What policies have dropped, the newest first. */
  readonly denied: () => readonly DeniedRecord[];
  /** What each policy has dropped since the agent started. */
  readonly denials: () => Promise<readonly DenialTotal[]>;
  readonly mtu: () => number;
  readonly rivals: () => readonly string[];
  readonly nowMs: () => number;
  /** Milliseconds since the epoch. */
  readonly dateMs: () => number;
}

export interface ReportOptions {
  /** At most so many other nodes, those that cannot be reached first. */
  readonly maxPeers: number;
}

/** Other nodes that people are shown: enough to see what those that cannot be reached have in common. */
export const SHOWN_PEERS = 50;

/** Tells what is on this node, read when asked: nothing is kept for it but {@link Activity}. */
export type Reporter = (options: ReportOptions) => Promise<NodeReport>;

export function createReporter(input: ReporterInput): Reporter {
  const { config, kernel, ipam, readiness, activity, cluster, nowMs, dateMs } = input;
  const startedMs = dateMs();
  return async ({ maxPeers }) => {
    const [attachments, denials] = await Promise.all([
      // Ages are those of the moment when they are read, and denials take longer.
      kernel.listPodLinks().then((links) => reportAttachments(links, dateMs())),
      input.denials(),
    ]);
    const atMs = dateMs();
    const node = input.view().nodes().get(config.nodeName);
    const pools = ipam.use(nowMs());
    return {
      format: 1,
      atMs,
      agent: reportAgent(input, startedMs),
      node: {
        name: config.nodeName,
        addresses: node?.addresses ?? [],
        podCIDRs: node?.podCIDRs ?? [],
        bridge: config.bridge,
        mtu: input.mtu(),
        wireguard: cluster.keys.report(),
      },
      readiness: {
        isReady: readiness.isReady(),
        reasons: readiness.reasons(),
        warnings: readiness.warnings(),
      },
      pools,
      attachments,
      peers: {
        counts: cluster.counts().podCidrs,
        list: reportPeers(cluster.peers(), maxPeers),
        problems: cluster.problems().slice(0, MAX_PEER_PROBLEMS),
        unanswered: cluster.keys.sessions.unanswered().map(({ peer }) => peer.publicKey),
      },
      calls: activity.calls(),
      repairs: activity.repairs(),
      problems: activity.problems(),
      denied: input.denied(),
      denials: denials.filter(({ packets }) => packets > 0).toSorted((a, b) => b.packets - a.packets),
      rivals: input.rivals(),
    };
  };
}

function enforcesPolicies({ policy, standalone, objectsFile }: ReporterInput["config"]): boolean {
  return policy.enabled && !(standalone && objectsFile === undefined);
}

function reportAgent(
  { version, nodeVersion, pid, config, view }: ReporterInput,
  startedMs: number,
): AgentReport {
  const { socket, cniBinDir, cniConfDir, cniConfName, bridge, mtu, overlay, masquerade } = config;
  const { vxlanDevice, vxlanVni, vxlanPort } = config;
  const source = view();
  return {
    version,
    nodeVersion,
    pid,
    startedMs,
    settings: {
      socket,
      cniBinDir,
      cniConfDir,
      cniConfName,
      bridge,
      mtu,
      overlay,
      vxlanDevice,
      vxlanVni,
      vxlanPort,
      policyMarkBit: enforcesPolicies(config) ? config.policy.markBit : undefined,
      masquerade,
    },
    source: {
      kind: config.nodesFile === undefined ? "kubernetes" : "nodes file",
      isComplete: source.isComplete(),
      fault: source.fault(),
      nodes: source.nodes().size,
      skipped: source.skipped().size,
    },
  };
}

/**
 * The newest first: they are what somebody looks for. Those of which only the least age is known are of a
 * former release, and older.
 */
export function reportAttachments(links: readonly PodLink[], atMs: number): readonly AttachmentReport[] {
  return links
    .map(({ pod, settings = NO_SETTINGS, ageMs, isAtLeast, ...link }) => ({
      pod: pod && formatPodName(pod),
      ...link,
      ...settings,
      createdMs: ageMs === undefined ? undefined : atMs - ageMs,
      ...(isAtLeast === true && ageMs !== undefined ? { isOlder: true } : {}),
    }))
    .toSorted(
      (a, b) =>
        Number(a.isOlder === true) - Number(b.isOlder === true) || (b.createdMs ?? 0) - (a.createdMs ?? 0),
    );
}

const BY_URGENCY: readonly PeerReport["route"][] = ["unreachable", "held", "overlay", "direct", "encrypted"];

/** Those that cannot be reached first, then by name; cut before anything is made of the rest. */
function reportPeers(peers: readonly PlannedPeer[], maxPeers: number): readonly PeerReport[] {
  return BY_URGENCY.flatMap((kind) => peers.filter(({ plan }) => routeOf(plan) === kind))
    .slice(0, maxPeers)
    .map(describePeer);
}

/** A node to which no packet gets cannot be reached, whatever is there for the moment when one does. */
function routeOf(plan: PeerPlan): PeerReport["route"] {
  return isCutOff(plan) ? "unreachable" : plan.kind;
}

function describePeer({ claim, plan }: PlannedPeer): PeerReport {
  const peer = { node: claim.node.name, podCIDR: claim.key };
  switch (plan.kind) {
    case "direct":
      return { ...peer, route: plan.kind, via: plan.gateway };
    case "overlay":
    case "encrypted":
      return { ...peer, route: routeOf(plan), via: plan.remote, reason: plan.fault };
    case "held":
    case "unreachable":
      return { ...peer, route: plan.kind, reason: plan.reason };
  }
}
