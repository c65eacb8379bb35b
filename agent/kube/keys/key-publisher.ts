import { backOffMs } from "../../lib/back-off.ts";
import type { NodeKeys, PublishedKey } from "../../plan/peers/claim.ts";
import { type ApiRequest, drain } from "../api/api-client.ts";
import { asApiError, explainError, keyOfError } from "../api/api-error.ts";
import { formatKey, isSameKey, KEY_ANNOTATION } from "./published-key.ts";
import { createFaultState } from "../reflector/fault-state.ts";
import { createWatchdog } from "../reflector/read/watchdog.ts";
import type { NodeConditionOptions } from "../self/node-condition.ts";

export interface KeyPublisherOptions extends Omit<NodeConditionOptions, "dateMs"> {
  /** What the Node has, as far as it is known. */
  readonly published: () => PublishedKey | undefined;
}

export interface KeyPublisher {
  /**
   * What our own Node is to have: this key, or none. Returns at once, and may be repeated: the Node is
   * written when it has something else, until that succeeds.
   */
  publish(key: NodeKeys | undefined): void;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

const BACK_OFF = { baseMs: 1000, maxMs: 60_000 };
const SEND_MS = 10_000;

/**
 * Keeps this node's public key on its Node by server-side apply of that annotation alone, so that no other
 * field of the Node is ever written (Kubernetes API concepts, "Server-Side Apply").
 */
export function createKeyPublisher(options: KeyPublisherOptions): KeyPublisher {
  const { client, nodeName, clock, log, random } = options;
  const faults = createFaultState({
    log,
    recovered: "The WireGuard key of this Node can be written again",
    onChange: () => undefined,
  });
  let wanted: NodeKeys | undefined;
  /** What was tried to take back: an agent that encrypts nothing may have no right to, and asks once. */
  let takenBack: PublishedKey | undefined;
  let failures = 0;
  let isClosed = false;
  /** While the one before was under way. */
  let isAskedAgain = false;
  let sending: Promise<void> | undefined;
  let abort = (): void => undefined;
  let cancelRetry = (): void => undefined;

  const send = async (uid: string, key: NodeKeys | undefined): Promise<void> => {
    const watchdog = createWatchdog({ clock, silenceMs: SEND_MS, totalMs: SEND_MS });
    abort = () => watchdog.abort();
    try {
      const request = keyRequest({ nodeName, uid, key });
      await drain(await client.send({ ...request, signal: watchdog.signal }));
      failures = 0;
      faults.clear();
      log.info({ key }, "Wrote the WireGuard key of this Node");
    } catch (error) {
      if (isClosed) return;
      failures++;
      faults.set(describeFailure(watchdog.reason() ?? error, nodeName, key));
      if (key !== undefined) cancelRetry = clock.after(backOffMs(failures, { ...BACK_OFF, random }), write);
    } finally {
      watchdog.stop();
      sending = undefined;
      if (isAskedAgain && failures === 0) write();
    }
  };

  function write(): void {
    const uid = options.nodeUid();
    const published = options.published();
    isAskedAgain = sending !== undefined;
    if (isClosed || isAskedAgain || uid === undefined || isSameKey(published, wanted)) return;
    if (wanted === undefined && isSameKey(published, takenBack)) return;
    takenBack = wanted === undefined ? published : undefined;
    sending = send(uid, wanted);
  }

  return {
    publish(key) {
      const isOther = !isSameKey(key, wanted);
      wanted = key;
      if (isOther) cancelRetry();
      // After a failure the time of the next try is set.
      if (failures === 0 || isOther) write();
    },
    async close() {
      isClosed = true;
      cancelRetry();
      abort();
      await sending;
    },
  };
}

interface KeyPatch {
  readonly nodeName: string;
  readonly uid: string;
  readonly key: NodeKeys | undefined;
}

/** With the Node's UID, so that one that was deleted meanwhile is not made again. */
function keyRequest({ nodeName, uid, key }: KeyPatch): Omit<ApiRequest, "signal"> {
  const annotations = key === undefined ? {} : { annotations: { [KEY_ANNOTATION]: formatKey(key) } };
  return {
    method: "APPLY",
    path: `/api/v1/nodes/${nodeName}`,
    query: { fieldManager: "causeway", force: "true" },
    body: { apiVersion: "v1", kind: "Node", metadata: { name: nodeName, uid, ...annotations } },
  };
}

function describeFailure(
  error: unknown,
  nodeName: string,
  key: NodeKeys | undefined,
): { readonly key: string; readonly text: string } {
  const failure = asApiError(error);
  const id = keyOfError(failure);
  if (key === undefined) {
    const remedy = `run "kubectl annotate node ${nodeName} ${KEY_ANNOTATION}-"`;
    return { key: id, text: `Cannot withdraw the WireGuard key of this Node: ${failure.message}; ${remedy}` };
  }
  const right = { verbs: ["patch"], resource: "nodes", group: "" };
  return { key: id, text: `Cannot publish the WireGuard key of this Node: ${explainError(failure, right)}` };
}
