import { collectOnce } from "../http/collect-once.ts";
import { nodeRoutes } from "../http/node-routes.ts";
import { type ServeNodeInput, serveNode } from "../http/serve-node.ts";
import { loadAddon } from "../native/addon.ts";
import { createExamination } from "../page/examination.ts";
import { createNodePage } from "../page/node-page.ts";
import { verifyNode } from "../reconcile/verify-node.ts";
import type { NodeReport } from "../report/node-report.ts";
import { type KeyAnswer, type PolicyAnswer, type PolicyQuestion, querySocket } from "../report/query.ts";
import { createQueryServer, type QueryServer } from "../report/query-server.ts";
import { createReporter, SHOWN_PEERS } from "../report/reporter.ts";
import type { Base } from "./base.ts";
import type { FilterRunner } from "./filter-runner.ts";
import type { Rivals } from "./host-file-runner.ts";
import type { PodService } from "./pod-service.ts";
import type { Reconcilers } from "./reconcilers.ts";
import { runDoctor } from "./run-doctor.ts";
import type { Source } from "./source.ts";
import { tellReadiness } from "./readiness/tell-readiness.ts";

/** What the report is about. */
export interface Reported {
  readonly source: Source;
  readonly reconcilers: Reconcilers;
  readonly pods: PodService;
  readonly rivals: Pick<Rivals, "list">;
  readonly filters: Pick<FilterRunner, "count">;
  /** Lines of the log that nobody took. */
  readonly lostLines: () => number;
}

/** Tells what is on this node, to whoever asks: over HTTP, and on a socket of its own. */
export interface Reporting {
  readonly queries: QueryServer;
  /** Ends HTTP and Events; the queries have a stop of their own. */
  close(): void;
}

export function startReporting(base: Base, reported: Reported): Reporting {
  const { config, version, log, clock, native, readiness, metrics } = base;
  const { source } = reported;
  showState(base, reported);
  const report = createReporter({
    ...base,
    nodeVersion: process.version,
    pid: process.pid,
    view: () => source.view,
    cluster: reported.reconcilers.cluster,
    mtu: reported.reconcilers.node.mtu,
    rivals: reported.rivals.list,
    denied: base.denied.list,
    denials: reported.reconcilers.policies.denials,
    nowMs: clock.nowMs,
    dateMs: Date.now,
  });
  const http = serveNode({
    addon: loadAddon(),
    config,
    clock,
    readiness,
    routes: nodeRoutes({ readiness, metrics, nowMs: clock.nowMs }),
    ...pagesOf(() => report({ maxPeers: SHOWN_PEERS }), base),
    addresses: () => source.ownAddresses() ?? [],
  });
  log.info({ version, node: config.nodeName, ...http.ports() }, "Started");
  const queries = createQueryServer({
    transport: native,
    path: querySocket(config.socket),
    answers: {
      report: async () => JSON.stringify(await report({ maxPeers: SHOWN_PEERS })),
      "report all": async () => JSON.stringify(await report({ maxPeers: Number.POSITIVE_INFINITY })),
      verify: async () => JSON.stringify({ faults: await verify(base) }),
      cautions: async () => JSON.stringify({ cautions: reported.reconcilers.policies.cautions() }),
      key: async () => JSON.stringify(keyAnswer(reported.reconcilers)),
      "rotate key": async () => JSON.stringify(rotateKey(base, reported.reconcilers)),
      policies: async (about) => JSON.stringify(await answerPolicies(reported.reconcilers, about)),
    },
    log,
  });
  queries.ensure();
  const endEvents = tellReadiness({
    readiness,
    clock,
    tell: (reason, note) => source.warn(reason)(note),
  });
  return {
    queries,
    close() {
      endEvents();
      http.close();
    },
  };
}

/** What doctor says is for the node itself: nobody else has it examined. */
function pagesOf(
  report: () => Promise<NodeReport>,
  { config, clock: { nowMs } }: Base,
): Pick<ServeNodeInput, "localPages" | "openPages"> {
  const once = collectOnce(report, nowMs);
  const read = async (): Promise<NodeReport> => (await once()).value;
  const look = createExamination({ examine: () => runDoctor(config), nowMs, dateMs: Date.now });
  return {
    localPages: createNodePage({ report: async () => ({ ...(await read()), doctor: look() }), nowMs }),
    openPages: createNodePage({ report: read, nowMs }),
  };
}

function keyAnswer({ cluster: { keys } }: Reconcilers): KeyAnswer {
  return { key: keys.report(), isAsked: keys.rotation.isAsked(), fault: keys.rotation.fault() };
}

function rotateKey({ runs }: Base, reconcilers: Reconcilers): KeyAnswer {
  reconcilers.cluster.keys.rotateKey();
  runs.trigger("cluster");
  return keyAnswer(reconcilers);
}

async function answerPolicies({ policies: { answer } }: Reconcilers, about: string): Promise<PolicyAnswer> {
  if (answer === undefined) return { trace: undefined, faults: [] };
  return await answer(JSON.parse(about) as PolicyQuestion);
}

function verify({ kernel, repairs, readiness, runs }: Base): Promise<readonly string[]> {
  return verifyNode({ kernel, run: runs.run, onRepair: repairs.hear, reasons: readiness.reasons });
}

function showState(base: Base, { source, reconcilers, pods, rivals, filters, lostLines }: Reported): void {
  const { ipam, attachments, kernel, readiness, failingPods, metrics, clock } = base;
  const startedMs = clock.nowMs();
  metrics.showState({
    pools: () => ipam.use(clock.nowMs()),
    attachments: attachments.list,
    isReady: readiness.isReady,
    rivals: () => rivals.list().length,
    foreignDrops: filters.count,
    lostLines,
    failingPods: failingPods.counts,
    requests: pods.load,
    nodes: () => ({ known: source.view.nodes().size, malformed: source.view.skipped().size }),
    peers: reconcilers.cluster.counts,
    drops: kernel.countDrops,
    sessions: async () =>
      base.config.encryption.type === "none" ? [] : await reconcilers.cluster.keys.sessions.look(),
    key: reconcilers.cluster.keys.report,
    policies: reconcilers.policies.counts,
    denials: reconcilers.policies.denials,
    watch() {
      const { watchRestarts, lastEventMs = startedMs } = source.view.stats();
      return { restarts: watchRestarts, lastEventAgeSeconds: (clock.nowMs() - lastEventMs) / 1000 };
    },
  });
}
