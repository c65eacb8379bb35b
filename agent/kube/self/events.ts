import { randomUUID } from "node:crypto";
import { abridge } from "../../text/abridge.ts";
import { drain } from "../api/api-client.ts";
import { asApiError, explainError, keyOfError } from "../api/api-error.ts";
import { createFaultState } from "../reflector/fault-state.ts";
import { createWatchdog } from "../reflector/read/watchdog.ts";
import type { OwnNodeOptions } from "./own-node-options.ts";

/** What an operator should see in `kubectl describe node`. */
export interface NodeEventReport {
  readonly type: "Normal" | "Warning";
  /** CamelCase word for the kind of event; the rate limit goes by it. */
  readonly reason: string;
  /** CamelCase word for what was tried. */
  readonly action: string;
  /** Sentence for people; cut to 1,024 bytes. */
  readonly note: string;
}

export interface NodeEvents {
  /**
   * Returns at once. At most one event per reason goes out in 10 minutes; a failure only shows in the log.
   */
  report(report: NodeEventReport): void;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

/** Events of cluster-scoped objects belong there: the API server refuses them elsewhere. */
const EVENTS_PATH = "/apis/events.k8s.io/v1/namespaces/default/events";
const REPEAT_MS = 600_000;
/** After a failure the same reason may be tried again sooner. */
const RETRY_MS = 60_000;
const SEND_MS = 10_000;
/** Limits of the API server (kubernetes/kubernetes pkg/apis/core/validation/events.go). */
const MAX_NOTE_BYTES = 1024;
const MAX_INSTANCE_LENGTH = 128;

/**
 * Sends Kubernetes Events about our own Node. API group events.k8s.io/v1 rather than core/v1: it is the
 * current one, has a time with microseconds and says who reports and what was tried; `kubectl describe node`
 * shows both alike. Since the rate limit lies here, each event is a new object and never a count to be
 * raised: the account needs the verb "create" only.
 */
export function createNodeEvents(options: OwnNodeOptions): NodeEvents {
  const { client, clock, log } = options;
  /** When each reason may go out again. Reasons are words of the program, so the map stays small. */
  const dueMs = new Map<string, number>();
  const sending = new Map<Promise<void>, () => void>();
  const faults = createFaultState({
    log,
    recovered: "Events are accepted again",
    onChange: () => undefined,
  });
  let isClosed = false;

  const send = async (report: NodeEventReport, signal: AbortSignal): Promise<void> => {
    const body = nodeEvent(report, options);
    await drain(await client.send({ method: "POST", path: EVENTS_PATH, body, signal }));
    faults.clear();
  };

  return {
    report(report) {
      const nowMs = clock.nowMs();
      if (isClosed || nowMs < (dueMs.get(report.reason) ?? Number.NEGATIVE_INFINITY)) return;
      dueMs.set(report.reason, nowMs + REPEAT_MS);
      const watchdog = createWatchdog({ clock, silenceMs: SEND_MS, totalMs: SEND_MS });
      const sent = send(report, watchdog.signal)
        .catch((error: unknown) => {
          if (isClosed) return;
          dueMs.set(report.reason, nowMs + RETRY_MS);
          faults.set(describeFailure(watchdog.reason() ?? error));
        })
        .finally(() => {
          watchdog.stop();
          sending.delete(sent);
        });
      sending.set(sent, () => watchdog.abort());
    },
    async close() {
      isClosed = true;
      for (const abort of sending.values()) abort();
      await Promise.all(sending.keys());
    },
  };
}

/** Event object (Kubernetes API reference, Event v1 events.k8s.io). */
function nodeEvent(
  { type, reason, action, note }: NodeEventReport,
  { nodeName, nodeUid, dateMs }: OwnNodeOptions,
): object {
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: `causeway.${randomUUID()}`, namespace: "default" },
    // MicroTime is parsed with exactly six digits.
    eventTime: new Date(dateMs()).toISOString().replace("Z", "000Z"),
    reportingController: "causeway",
    reportingInstance: `causeway-${nodeName}`.slice(0, MAX_INSTANCE_LENGTH),
    type,
    reason,
    action,
    note: abridge(note, MAX_NOTE_BYTES),
    // The kubelet too names itself by the name where a UID belongs; kubectl looks for both.
    regarding: { apiVersion: "v1", kind: "Node", name: nodeName, uid: nodeUid() ?? nodeName },
  };
}

function describeFailure(error: unknown): { readonly key: string; readonly text: string } {
  const failure = asApiError(error);
  const right = { verbs: ["create"], resource: "events", group: "events.k8s.io" };
  return { key: keyOfError(failure), text: `Cannot create event: ${explainError(failure, right)}` };
}
