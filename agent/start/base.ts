import packageJson from "../../package.json" with { type: "json" };
import { CNI_CODE } from "../cni/cni-error.ts";
import { createFailingPods, type FailingPods } from "../cni/failing-pods.ts";
import { type Attachments, createAttachments } from "../ipam/attachments.ts";
import { createHostPortTable, type HostPortTable } from "../ipam/host-port-table.ts";
import { createIpam, type Ipam } from "../ipam/ipam.ts";
import { openLinuxKernel } from "../kernel/linux-kernel.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { loadNative, type Native } from "../kernel/socket/native.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { createReadiness, type Readiness } from "../lib/readiness.ts";
import { createSharedLock, type SharedLock } from "../lib/shared-lock.ts";
import type { Log } from "../log/log.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import type { Activity } from "../report/recent/activity.ts";
import { createDenied, type Denied } from "../report/recent/denied.ts";
import type { Config } from "../settings/config.ts";
import { createRepairs, type Repairs } from "./repairs.ts";
import { createRunRequests, type RunRequests } from "./run-requests.ts";
import { logReadiness } from "./readiness/log-readiness.ts";

/** What all parts of the running agent share. */
export interface Base {
  readonly version: string;
  readonly config: Config;
  /** What is logged is remembered in `activity`, too. */
  readonly log: Log;
  readonly activity: Activity;
  readonly clock: Clock;
  readonly native: Native;
  readonly kernel: Kernel;
  readonly ipam: Ipam;
  readonly hostPorts: HostPortTable;
  readonly attachments: Attachments;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly failingPods: FailingPods;
  readonly repairs: Repairs;
  readonly denied: Denied;
  readonly runs: RunRequests;
  /** Shared by ADD and DEL, exclusive for GC and for what must not meet them half done. */
  readonly collection: SharedLock;
}

export function createBase(config: Config, log: Log, activity: Activity): Base {
  const { version } = packageJson;
  const native = loadNative();
  const kernel = openLinuxKernel(native, {
    after: systemClock.after,
    allowSourceSpoofing: config.allowSourceSpoofing,
    policy: config.policy,
    onError: (error) => log.warn({ error: messageOf(error) }, "Host ports are served only in part"),
  });
  const ipam = createIpam();
  const hostPorts = createHostPortTable();
  const metrics = createMetrics({
    version,
    nodeVersion: process.version,
    codes: Object.values(CNI_CODE),
  });
  return {
    version,
    config,
    log,
    activity,
    clock: systemClock,
    native,
    kernel,
    ipam,
    hostPorts,
    attachments: createAttachments(ipam, hostPorts),
    readiness: createReadiness(logReadiness(log)),
    metrics,
    failingPods: createFailingPods(systemClock.nowMs),
    repairs: createRepairs({ metrics, activity }),
    denied: createDenied({ log, nowMs: systemClock.nowMs, dateMs: Date.now }),
    runs: createRunRequests(),
    collection: createSharedLock(),
  };
}
