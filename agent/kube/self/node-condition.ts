import { drain } from "../api/api-client.ts";
import { asApiError, explainError, keyOfError } from "../api/api-error.ts";
import { backOffMs } from "../../lib/back-off.ts";
import { createFaultState } from "../reflector/fault-state.ts";
import { createWatchdog } from "../reflector/read/watchdog.ts";
import type { OwnNodeOptions } from "./own-node-options.ts";

export interface NodeConditionOptions extends OwnNodeOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface NodeCondition {
  /**
   * The node's network works. Returns at once, and may be repeated: the condition is written once for each
   * Node object, until that succeeds.
   */
  ready(): void;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

const BACK_OFF = { baseMs: 1000, maxMs: 60_000 };
const SEND_MS = 10_000;

/**
 * Sets the condition NetworkUnavailable of our own Node to False. Node controllers of cloud providers set it
 * to True, with a taint that keeps pods away, for whoever makes routes to clear (Kubernetes reference, "Node
 * Status"; kubernetes/cloud-provider, route controller).
 */
export function createNodeCondition(options: NodeConditionOptions): NodeCondition {
  const { client, nodeName, clock, log, random } = options;
  const faults = createFaultState({
    log,
    recovered: "The Node's condition can be set again",
    onChange: () => undefined,
  });
  let writtenUid: string | undefined;
  let failures = 0;
  let isClosed = false;
  let sending: Promise<void> | undefined;
  let abort = (): void => undefined;
  let cancelRetry = (): void => undefined;

  const send = async (uid: string): Promise<void> => {
    const watchdog = createWatchdog({ clock, silenceMs: SEND_MS, totalMs: SEND_MS });
    abort = () => watchdog.abort();
    try {
      const path = `/api/v1/nodes/${nodeName}/status`;
      const body = conditionPatch(new Date(options.dateMs()).toISOString());
      await drain(await client.send({ method: "PATCH", path, body, signal: watchdog.signal }));
      writtenUid = uid;
      failures = 0;
      faults.clear();
      log.info({}, "Set the Node's condition NetworkUnavailable to False");
    } catch (error) {
      if (isClosed) return;
      failures++;
      faults.set(describeFailure(watchdog.reason() ?? error));
      cancelRetry = clock.after(backOffMs(failures, { ...BACK_OFF, random }), write);
    } finally {
      watchdog.stop();
      sending = undefined;
    }
  };

  function write(): void {
    const uid = options.nodeUid();
    if (isClosed || sending !== undefined || uid === undefined || uid === writtenUid) return;
    sending = send(uid);
  }

  return {
    ready() {
      // After a failure the time of the next try is set.
      if (failures === 0) write();
    },
    async close() {
      isClosed = true;
      cancelRetry();
      abort();
      await sending;
    },
  };
}

/** Merged into the list of conditions by its type (strategic merge patch). */
function conditionPatch(time: string): object {
  return {
    status: {
      conditions: [
        {
          type: "NetworkUnavailable",
          status: "False",
          reason: "CausewayIsReady",
          message: "Causeway serves pods on this node",
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        },
      ],
    },
  };
}

function describeFailure(error: unknown): { readonly key: string; readonly text: string } {
  const failure = asApiError(error);
  const right = { verbs: ["patch"], resource: "nodes/status", group: "" };
  const remedy = failure.status === 403 ? "; or set --node-condition false" : "";
  const text = `Cannot set the Node's condition NetworkUnavailable: ${explainError(failure, right)}${remedy}`;
  return { key: keyOfError(failure), text };
}
