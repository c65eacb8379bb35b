import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { CNI_CODE } from "../cni/cni-error.ts";
import { type Commands, createCommands } from "../cni/verbs/commands.ts";
import { createFailingPods } from "../cni/failing-pods.ts";
import { systemClock } from "../lib/clock.ts";
import { createHeapKeeper } from "./compact-heap.ts";
import type { CniCommand } from "../cni/request/request.ts";
import { type CniServer, startCniServer } from "../cni/server.ts";
import { type Config } from "../settings/config.ts";
import { nodeRoutes } from "../http/node-routes.ts";
import { serveNode } from "../http/serve-node.ts";
import { createAttachments } from "../ipam/attachments.ts";
import { createHostPortTable } from "../ipam/host-port-table.ts";
import { createIpam } from "../ipam/ipam.ts";
import { openLinuxKernel } from "../kernel/linux-kernel.ts";
import { warmUp } from "../kernel/pod/warm-up.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { openNodeView } from "../kube/nodes/open-node-view.ts";
import { ownNode } from "../kube/nodes/own-node.ts";
import { messageOf } from "../lib/errors.ts";
import type { LineWriter } from "../lib/line-writer.ts";
import { createSharedLock } from "../lib/shared-lock.ts";
import { type Log } from "../log/log.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { loadAddon } from "../native/addon.ts";
import { createNodePage } from "../page/node-page.ts";
import { planConflist } from "../plan/node/conflist.ts";
import { createNodeJudge } from "../plan/peers/node-judge.ts";
import { ownRefusal } from "../plan/peers/refusal.ts";
import { createReadiness } from "../lib/readiness.ts";
import type { Activity } from "../report/activity.ts";
import { querySocket, socketsOf } from "../report/query.ts";
import { createQueryServer } from "../report/query-server.ts";
import { createReporter, SHOWN_PEERS } from "../report/reporter.ts";
import { createClusterReconciler } from "../reconcile/cluster.ts";
import { createForeignFilters } from "../reconcile/foreign-filters.ts";
import { createDrift } from "../reconcile/runner/drift.ts";
import { inTurn } from "../reconcile/runner/in-turn.ts";
import { createHostFileKeeper } from "../reconcile/host-file-keeper.ts";
import type { HostFilesOutcome } from "../host/host-files.ts";
import { createNodeReconciler, type OwnNode } from "../reconcile/node.ts";
import { createRunner } from "../reconcile/runner/runner.ts";
import { createScopedRunner, type Scope } from "../reconcile/runner/scoped-runner.ts";
import { uninstall } from "../reconcile/uninstall.ts";
import { createProblemTeller } from "../reconcile/tell-problems.ts";
import { verifyNode } from "../reconcile/verify-node.ts";
import { shippedFile } from "../lib/shipped.ts";
import { tellReadiness } from "./tell-readiness.ts";

/** Commands after which the kernel's notifications are about our own doing. */
const CHANGING: ReadonlySet<CniCommand> = new Set(["ADD", "DEL", "GC"]);

/** Node changes are served within this time. */
const NODE_INTERVALS = { minIntervalMs: 50, retryIntervalMs: 200, maxIntervalMs: 60_000 };

/** A packet filter of others that drops pods' packets is told of within this time; a service proxy changes its rules several times a second. */
const FILTER_INTERVALS = { minIntervalMs: 2000, retryIntervalMs: 5000, maxIntervalMs: 60_000 };

/** A host file that someone deletes or damages is back within this time. */
const HOST_FILE_INTERVALS = { minIntervalMs: 100, retryIntervalMs: 1000, maxIntervalMs: 2000 };

/** `log`: what is remembered in `activity`, too. Wires everything in the order of the design: health, recovery, node known, datapath, socket, binary, conflist. */
export async function startAgent(
  config: Config,
  log: Log,
  { activity, lost }: { readonly activity: Activity } & Pick<LineWriter, "lost">,
): Promise<() => Promise<void>> {
  const native = loadNative();
  const kernel = openLinuxKernel(native, {
    after: systemClock.after,
    allowSourceSpoofing: config.allowSourceSpoofing,
    onError: (error) => log.warn({ error: messageOf(error) }, "Host ports are not wholly served"),
  });
  const ipam = createIpam();
  const hostPorts = createHostPortTable();
  const attachments = createAttachments(ipam, hostPorts);
  const nowMs = systemClock.nowMs;
  const startedMs = nowMs();
  const failingPods = createFailingPods(nowMs);
  let rivals: readonly string[] = [];
  const tellRivals = createProblemTeller({
    log,
    subject: "Runtimes load another CNI configuration, which sorts before ours",
    over: "Runtimes load our CNI configuration again",
  });
  let server: CniServer | undefined;

  const heap = createHeapKeeper();
  const readiness = createReadiness(tellReadiness(log));
  const metrics = createMetrics({
    version: packageJson.version,
    nodeVersion: process.version,
    pools: () => ipam.use(nowMs()),
    attachments: attachments.list,
    isReady: readiness.isReady,
    rivals: () => rivals.length,
    foreignDrops: () => filters.count(),
    lostLines: lost,
    codes: Object.values(CNI_CODE),
    failingPods: failingPods.counts,
    requests: () => ({ inWork: server?.inWork() ?? 0, waiting: server?.waiting() ?? 0 }),
    nodes: () => ({ known: source.view.nodes().size, malformed: source.view.skipped().size }),
    peers: () => cluster.counts(),
    drops: kernel.countDrops,
    watch() {
      const { watchRestarts, lastEventMs = startedMs } = source.view.stats();
      return { restarts: watchRestarts, lastEventAgeSeconds: (nowMs() - lastEventMs) / 1000 };
    },
  });
  const pages = createNodePage({ report: async () => report({ maxPeers: SHOWN_PEERS }), nowMs });
  const http = serveNode({
    addon: loadAddon(),
    config,
    clock: systemClock,
    readiness,
    routes: nodeRoutes({ readiness, metrics, nowMs }),
    pages,
    addresses: () => source.view.nodes().get(config.nodeName)?.addresses ?? [],
  });
  log.info({ version: packageJson.version, node: config.nodeName, ...http.ports() }, "Started");

  const repairHearers = new Set<(kind: string, fault: string) => void>();
  const onRepair = (kind: string, fault: string): void => {
    metrics.countRepair(kind);
    activity.repaired(kind, fault);
    for (const hear of repairHearers) hear(kind, fault);
  };
  const source = openNodeView({
    config,
    version: packageJson.version,
    log,
    clock: systemClock,
    onChange() {
      const own = JSON.stringify(ownNode(source.view, config.nodeName));
      // While something of this node is refused, any other one that goes may give it the right to it.
      nodeRunner.trigger(own === lastOwnNode && !node.isRefused() ? "cluster" : "all");
      lastOwnNode = own;
    },
  });
  let lastOwnNode = "";
  const settleClaims = createNodeJudge({
    ...config,
    nodes: () => source.view.nodes().values(),
    apiServer: () => source.apiServer(),
  });
  const collection = createSharedLock();
  const drift = createDrift({
    clock: systemClock,
    isBusy: () => (server?.inWork() ?? 0) > 0,
    trigger: () => nodeRunner.trigger("all"),
  });
  const node = createNodeReconciler({
    ...config,
    kernel,
    ipam,
    attachments,
    readiness,
    log,
    nowMs,
    undisturbed: collection.exclusive,
    onRepair,
    ownNode() {
      const state = ownNode(source.view, config.nodeName);
      if (state.kind === "unassigned") {
        source.report({ type: "Warning", reason: "NoPodCIDR", action: "ServePods", note: state.reason });
      }
      return describeOwnNode(state);
    },
    refusal: (surroundings) => ownRefusal(settleClaims(surroundings), config.nodeName),
    peerAddresses: () =>
      [...source.view.nodes().values()].flatMap(({ name, addresses }) =>
        name === config.nodeName ? [] : addresses,
      ),
  });
  /** Whether this node's own side was planned for what the cluster says of it now. */
  const isCurrent = (): boolean => {
    const told = source.view.nodes().get(config.nodeName);
    return told === undefined || told.addresses.join() === node.local()?.addresses.join();
  };
  const cluster = createClusterReconciler({
    ...config,
    kernel,
    readiness,
    log,
    local: node.local,
    // A change of this node itself is followed by a run of its own: before that nothing is removed for it.
    isComplete: () => source.view.isComplete() && isCurrent(),
    settleClaims,
    onRepair,
    onRulesetError: metrics.countNftError,
    onProblem: (note) =>
      source.report({ type: "Warning", reason: "NodesUnreachable", action: "RouteToNodes", note }),
    onRefusal: (note) =>
      source.report({ type: "Warning", reason: "NodeRefused", action: "RouteToNodes", note }),
    // Another Node came or went, and with it the right to what this one has.
    onOwnRefusal: () => nodeRunner.trigger("all"),
  });
  const filters = createForeignFilters({
    kernel,
    readiness,
    log,
    bridge: config.bridge,
    onProblem: (note) =>
      source.report({ type: "Warning", reason: "ForeignFilter", action: "ForwardPods", note }),
  });
  const filterRunner = createRunner(filters.look, {
    ...FILTER_INTERVALS,
    clock: systemClock,
    onError: (error) => log.warn({ error: messageOf(error) }, "Cannot look at packet filters of others"),
  });
  filterRunner.trigger();
  const report = createReporter({
    version: packageJson.version,
    nodeVersion: process.version,
    pid: process.pid,
    config,
    kernel,
    ipam,
    readiness,
    activity,
    view: () => source.view,
    cluster,
    mtu: node.mtu,
    rivals: () => rivals,
    nowMs,
    dateMs: Date.now,
  });
  const verify = (): Promise<readonly string[]> =>
    verifyNode({
      kernel,
      run: () => nodeRunner.run(),
      onRepair(hear) {
        repairHearers.add(hear);
        return () => repairHearers.delete(hear);
      },
      reasons: readiness.reasons,
    });
  const queries = createQueryServer({
    transport: native,
    path: querySocket(config.socket),
    answers: {
      report: async () => JSON.stringify(await report({ maxPeers: SHOWN_PEERS })),
      "report all": async () => JSON.stringify(await report({ maxPeers: Number.POSITIVE_INFINITY })),
      verify: async () => JSON.stringify({ faults: await verify() }),
    },
    log,
  });
  queries.ensure();
  const serveCommand = createCommands(
    {
      kernel,
      ipam,
      hostPorts,
      attachments,
      readiness,
      bridge: config.bridge,
      allowSourceSpoofing: config.allowSourceSpoofing,
      onIgnoredWish: once((note) => {
        log.warn({}, note);
        source.report({ type: "Warning", reason: "AnnotationIgnored", action: "ServePods", note });
      }),
      clusterCidrs: cluster.clusterCidrs,
      mtu: node.mtu,
      nowMs,
    },
    collection,
  );
  const commands: Commands = async (request, caller) => {
    try {
      return await serveCommand(request, caller);
    } finally {
      if (CHANGING.has(request.command)) drift.changed();
    }
  };

  const serve = (): void => {
    warmUp();
    mkdirSync(dirname(config.socket), { recursive: true, mode: 0o700 });
    server = startCniServer({
      transport: native,
      socket: config.socket,
      commands,
      log,
      monotonicNs: process.hrtime.bigint,
      observe(call) {
        metrics.observeRequest(call.command, call.code, call.ms / 1000);
        activity.served(call);
        failingPods.served(call);
      },
    });
    readiness.set("socket", undefined);
    hostFileRunner.trigger();
  };
  const shim = readFileSync(shippedFile("bin/causeway"));
  const hostFiles = createHostFileKeeper({ ...config, shim, conflist: planConflist(config) });
  const tellHostFiles = ({ removed, written, rivals: found }: HostFilesOutcome): void => {
    for (const path of removed) log.info({ path }, "Removed our configuration of another name");
    for (const path of written) {
      log.info({ path }, "Wrote host file");
      metrics.countFileWrite(path);
    }
    tellRivals(found);
    rivals = found;
  };
  const hostFileRunner = createRunner(
    async () => {
      // Somebody may have cleared /run: an agent that nobody reaches is none.
      if (!existsSync(config.socket)) {
        log.warn({ socket: config.socket }, "The socket is gone; listening again");
        await server?.stop();
        serve();
      }
      queries.ensure();
      const outcome = await metrics.measureReconcile("host_files", hostFiles.ensure);
      if (outcome !== undefined) tellHostFiles(outcome);
      readiness.set("installation", undefined);
      if (readiness.isReady()) source.ready();
    },
    {
      ...HOST_FILE_INTERVALS,
      clock: systemClock,
      onError: (error) => readiness.set("installation", messageOf(error)),
    },
  );
  const reconcile = async (scope: Scope): Promise<"again" | undefined> => {
    let answer: "again" | undefined;
    await inTurn([
      () => (scope === "all" ? node.run() : node.meetPeers()),
      async () => {
        answer = await cluster.run({ verify: scope !== "cluster" });
      },
    ]);
    return answer;
  };
  const nodeRunner = createScopedRunner(
    async (scope) => {
      if (scope !== "cluster") kernelWatch.rearm();
      const answer = await metrics.measureReconcile(scope, () => reconcile(scope));
      const isNodeReady = readiness
        .reasons()
        .every(({ part }) => part === "socket" || part === "installation");
      if (server === undefined && isNodeReady) serve();
      if (scope === "all" && server?.inWork() === 0) heap.settle();
      return answer;
    },
    {
      ...NODE_INTERVALS,
      clock: systemClock,
      onError: (error) =>
        log.error({ error: messageOf(error) }, "Cannot bring the node into its planned state; trying again"),
    },
  );
  const kernelWatch = kernel.watch((concern) => {
    if (concern === "filters") filterRunner.trigger();
    else if (concern === "pods") drift.noticed();
    else nodeRunner.trigger(concern === "peers" ? "peers" : "all");
  });
  nodeRunner.trigger("all");

  return async () => {
    readiness.set("shutdown", "the agent is stopping");
    const isUninstalled = await source.isUninstalled();
    kernelWatch.stop();
    drift.stop();
    // The runners first: either could find the socket gone, which the server unlinks, and listen again.
    await Promise.all([nodeRunner.stop(), hostFileRunner.stop(), filterRunner.stop(), source.close()]);
    queries.stop();
    await server?.stop();
    await node.saveLastGiven().catch((error: unknown) => {
      log.warn(
        { error: messageOf(error) },
        "Cannot keep the addresses last given; the next start may give one again soon",
      );
    });
    if (isUninstalled)
      await uninstall({
        ...config,
        sockets: socketsOf(config),
        kernel,
        all: false,
        tell: (sentence) => log.info({}, `Uninstalling: ${sentence}`),
      }).catch((error: unknown) => log.error({ error: messageOf(error) }, "Cannot uninstall all host files"));
    kernel.close();
    http.close();
  };
}

/** Tells a note once, however often it comes; after a thousand others it may be told again. */
function once(tell: (note: string) => void): (note: string) => void {
  const told = new Set<string>();
  return (note) => {
    if (told.has(note)) return;
    if (told.size === 1000) told.clear();
    told.add(note);
    tell(note);
  };
}

function describeOwnNode(state: ReturnType<typeof ownNode>): OwnNode {
  switch (state.kind) {
    case "assigned":
      return { addresses: state.node.addresses, podCIDRs: state.node.podCIDRs, reason: undefined };
    case "unassigned":
      return { addresses: state.node.addresses, podCIDRs: [], reason: state.reason };
    case "unusable":
    case "unknown":
      return { addresses: [], podCIDRs: [], reason: state.reason };
  }
}
