import type { Clock } from "../../lib/clock.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { PeersOptions } from "../../kernel/peer/ensure-peers.ts";
import type { Readiness } from "../../lib/readiness.ts";
import type { Log } from "../../log/log.ts";
import type { PeerCounts } from "../../metrics/state-metrics.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import { noRoutes } from "../../plan/peers/count-routes.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import { countRefusals } from "../../plan/peers/refusal.ts";
import type { ReportChanges } from "../report/report-changes.ts";
import { createProblemReporter } from "../report/report-problems.ts";

export interface ClusterRoutesInput {
  readonly kernel: Pick<Kernel, "ensurePeers">;
  readonly readiness: Pick<Readiness, "warn">;
  readonly log: Log;
  readonly clock: Pick<Clock, "nowMs">;
  readonly reportChanges: ReportChanges;
  /** Hears of nodes that cannot be reached. */
  readonly onProblem: (note: string) => void;
  /** Hears of PodCIDRs and addresses of nodes that are refused. */
  readonly onRefusal: (note: string) => void;
}

/** The routes to all other nodes. */
export interface ClusterRoutes {
  /** Makes them as planned. False when the kernel refused a part that may work later. */
  apply(peers: PeersPlan, refusals: Claims["refusals"], options: PeersOptions): Promise<boolean>;
  counts(): PeerCounts;
  /** What an operator must know of other nodes, as sentences, from the last run. */
  problems(): readonly string[];
  /** Undefined before the first. */
  lastPlan(): PeersPlan | undefined;
}

const NO_PEERS: PeerCounts = {
  podCidrs: noRoutes(),
  nodes: noRoutes(),
  refused: countRefusals([]),
  inClear: 0,
  desired: 0,
  programmed: 0,
};

export function createClusterRoutes(input: ClusterRoutesInput): ClusterRoutes {
  const { kernel, readiness, log, clock, reportChanges } = input;
  const reportProblems = createProblemReporter({
    log,
    clock,
    report: input.onProblem,
    subject: "Other nodes",
    over: "All nodes are reachable again",
  });
  const reportRefusals = createProblemReporter({
    log,
    clock,
    report: input.onRefusal,
    subject: "Other nodes",
    over: "No node claims a prefix or an address that it may not have any more",
  });
  let applied: PeersPlan | undefined;
  let counts = NO_PEERS;
  let problems: readonly string[] = [];
  return {
    counts: () => counts,
    problems: () => problems,
    lastPlan: () => applied,
    async apply(peers, refusals, options) {
      const { routes, podCidrs, nodes } = peers;
      const { size } = routes;
      const refused = countRefusals(refusals);
      const refusalTexts = refusals.map(({ text }) => text);
      reportRefusals(refusalTexts);
      // What a failure leaves unknown is no more than there was.
      const inClear = peers.inClear.size;
      counts = {
        podCidrs,
        nodes,
        refused,
        inClear,
        desired: size,
        programmed: Math.min(counts.programmed, size),
      };
      const outcome = await kernel.ensurePeers(peers, options);
      reportChanges(outcome.changes, { isRepair: isSamePlan(applied, peers) });
      applied = peers;
      const { noOverlay } = outcome;
      readiness.warn("overlay", noOverlay);
      const missing =
        outcome.conflicts.length +
        outcome.refusals.length +
        (noOverlay === undefined ? 0 : countOverlay(peers));
      counts = { ...counts, programmed: Math.max(0, size - missing) };
      const lacking = noOverlay === undefined ? [] : [noOverlay];
      const unreachable = [...peers.problems, ...lacking, ...outcome.conflicts, ...outcome.refusals];
      reportProblems(unreachable);
      problems = [...refusalTexts, ...unreachable];
      return outcome.refusals.length + lacking.length === 0;
    },
  };
}

function countOverlay({ routes }: PeersPlan): number {
  let count = 0;
  for (const { kind } of routes.values()) if (kind === "overlay") count += 1;
  return count;
}

function isSamePlan(a: PeersPlan | undefined, b: PeersPlan): boolean {
  if (a === undefined || a.routes.size !== b.routes.size) return false;
  if (JSON.stringify(a.tunnels) !== JSON.stringify(b.tunnels)) return false;
  for (const [key, route] of b.routes) if (a.routes.get(key) !== route) return false;
  return true;
}
