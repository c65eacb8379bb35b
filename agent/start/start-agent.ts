import type { Concern } from "../kernel/types.ts";
import { messageOf } from "../lib/errors.ts";
import type { LineWriter } from "../lib/line-writer.ts";
import type { Log } from "../log/log.ts";
import { createScopedRunner } from "../reconcile/runner/scoped-runner.ts";
import { uninstall } from "../reconcile/uninstall.ts";
import type { Activity } from "../report/recent/activity.ts";
import { socketsOf } from "../report/query.ts";
import type { Config } from "../settings/config.ts";
import { type Base, createBase } from "./base.ts";
import { createFilterRunner, type FilterRunner } from "./filter-runner.ts";
import { createHostFileRunner, createRivals } from "./host-file-runner.ts";
import { createPodService } from "./pod-service.ts";
import { removePolicies } from "./policy/policies.ts";
import { createReconcilers, type Reconcilers } from "./reconcilers.ts";
import { type Reported, startReporting } from "./reporting.ts";
import { openSource } from "./source.ts";

/** Node changes are served within this time. */
const NODE_INTERVALS = { minIntervalMs: 50, retryIntervalMs: 200, maxIntervalMs: 60_000 };

/**
 * Parts that become ready only after the node can have pods; and policies, for which an ADD waits, and no
 * DEL.
 */
const LAST_PARTS: ReadonlySet<string> = new Set(["network policies", "socket", "installation"]);

/**
 * Wires the agent and starts it, in the order of the design: health, recovery, node known, datapath, socket,
 * binary, conflist. The answer stops it. `log`: what is remembered in `activity`, too.
 */
export async function startAgent(
  config: Config,
  log: Log,
  { activity, lost }: { readonly activity: Activity } & Pick<LineWriter, "lost">,
): Promise<() => Promise<void>> {
  const base = createBase(config, log, activity);
  const { kernel, readiness, metrics, clock, runs } = base;
  const source = openSource(base);
  const reconcilers = createReconcilers(base, source);
  const pods = createPodService(base, source, reconcilers);
  const filters = createFilterRunner(base, source);
  const rivals = createRivals(base, source.warn("RivalConfiguration"));
  const reported = { source, reconcilers, pods, rivals, filters, lostLines: lost };
  const reporting = startReporting(base, reported);
  const ensureSockets = async (): Promise<void> => {
    await pods.ensureSocket();
    reporting.queries.ensure();
  };
  const onInstalled = (): void => {
    if (!readiness.isReady()) return;
    source.ready();
    pods.warmUp();
  };
  const hostFiles = createHostFileRunner(base, { rivals, ensureSockets, onInstalled });
  const watch = kernel.watch((concern) => react(concern, { filters, pods, reconcilers, runs }));
  const runner = createScopedRunner(
    async (scope) => {
      if (scope !== "cluster") watch.rearm();
      const answer = await metrics.measureReconcile(scope, () => reconcilers.run(scope));
      if (!pods.isServing() && canServe(readiness)) {
        pods.start();
        hostFiles.trigger();
      }
      return answer;
    },
    { ...NODE_INTERVALS, clock, onError: (error) => reportFailedRun(log, error) },
  );
  runs.serve(runner);
  // While something of this node is refused, any other one that goes may give it the right to it.
  source.onChange((isOwn) => runs.trigger(isOwn || reconcilers.node.isRefused() ? "all" : "cluster"));
  filters.trigger();
  runs.trigger("all");

  return async () => {
    readiness.set("shutdown", "the agent is stopping");
    const isUninstalled = await source.isUninstalled();
    watch.stop();
    pods.drift.stop();
    reconcilers.cluster.stop();
    // The runners first: either could find the socket gone, which the server unlinks, and listen again.
    await Promise.all([runner.stop(), hostFiles.stop(), filters.stop()]);
    reporting.queries.stop();
    await pods.stop();
    // Those that still wait for policies are answered by now.
    await reconcilers.policies.stop();
    if (source.endsPolicies()) await removePolicies(base);
    await source.close();
    await keepLastGiven(reconcilers, log);
    if (isUninstalled) await removeFromHost(base);
    kernel.close();
    reporting.close();
  };
}

/** To what the kernel says that has changed. */
function react(
  concern: Concern,
  {
    filters,
    pods,
    reconcilers,
    runs,
  }: Pick<Reported, "pods" | "reconcilers"> & { readonly filters: FilterRunner } & Pick<Base, "runs">,
): void {
  if (concern === "filters") filters.trigger();
  else if (concern === "pods") pods.drift.noticed();
  else if (concern === "policies") void reconcilers.verifyPolicies();
  else runs.trigger(concern === "peers" ? "peers" : "all");
}

function canServe({ reasons }: Base["readiness"]): boolean {
  return reasons().every(({ part }) => LAST_PARTS.has(part));
}

function reportFailedRun(log: Log, error: unknown): void {
  log.error({ error: messageOf(error) }, "Cannot reconcile the node; retrying");
}

async function keepLastGiven({ node }: Reconcilers, log: Log): Promise<void> {
  await node.saveLastGiven().catch((error: unknown) => {
    log.warn(
      { error: messageOf(error) },
      "Cannot save the addresses assigned last; after a restart one may be reused early",
    );
  });
}

/** What the agent's DaemonSet leaves on the host, once that is gone. */
async function removeFromHost({ config, kernel, log }: Base): Promise<void> {
  await uninstall({
    ...config,
    sockets: socketsOf(config),
    kernel,
    all: false,
    tell: (sentence) => log.info({}, `Uninstalling: ${sentence}`),
  }).catch((error: unknown) => log.error({ error: messageOf(error) }, "Cannot uninstall all host files"));
}
