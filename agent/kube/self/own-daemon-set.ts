import type { Clock } from "../../lib/clock.ts";
import type { ApiClient } from "../api/api-client.ts";
import { type ApiError, asApiError, garbageError } from "../api/api-error.ts";
import { backOffMs } from "../reflector/back-off.ts";
import { createFaultState, type Fault } from "../reflector/fault-state.ts";
import type { NodeViewLog } from "../nodes/node-view.ts";
import { isFields } from "../nodes/project-node.ts";
import { pause } from "../reflector/pause.ts";
import { guarded } from "../reflector/watchdog.ts";
import { watchObjects } from "../reflector/watch-objects.ts";

export interface OwnDaemonSetOptions {
  readonly client: ApiClient;
  /** `NAMESPACE/NAME` of the DaemonSet whose pod the agent is. */
  readonly daemonSet: string;
  readonly clock: Clock;
  readonly log: NodeViewLog;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Tells an uninstallation from a restart (docs/uninstall.md). */
export interface OwnDaemonSet {
  /**
   * Whether the DaemonSet was seen to be there and then to go, and none of its name is there now. Silence, refusals and "not found" alone are no
   * evidence: false. Takes at most 2 s, and no time at all while the DaemonSet is there.
   */
  isDeleted(): Promise<boolean>;
  close(): Promise<void>;
}

/** The state of the DaemonSet at one version of the cluster. */
interface Sight {
  readonly isThere: boolean;
  readonly resourceVersion: string;
}

/** The object's metadata is enough: the status of a DaemonSet changes with every pod of it. */
const ONLY_METADATA = (kind: string): string =>
  `application/json;as=${kind};g=meta.k8s.io;v=v1, application/json`;

/**
 * A DaemonSet seldom changes, and what is missed is asked for again; a cluster of agents must not ask often. But an uninstallation that comes while
 * an agent waits goes unseen, so after an outage of the API none waits long.
 */
const BACK_OFF = { baseMs: 1000, maxMs: 60_000 };
const LIST_MS = 30_000;
const CONFIRM_MS = 2000;
/** API servers send a bookmark every minute. */
const WATCH_SILENCE_MS = 180_000;
const MIN_WATCH_S = 300;
const MAX_LIST_BYTES = 1024 * 1024;

/**
 * Watches the agent's own DaemonSet. Asked only at SIGTERM it could not tell: by then its account and permissions are mostly deleted with it. A
 * watch has seen it go before that.
 */
export function watchOwnDaemonSet(options: OwnDaemonSetOptions): OwnDaemonSet {
  const { client, daemonSet, clock, log, random } = options;
  const [namespace = "", name = ""] = daemonSet.split("/");
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;
  const fieldSelector = `metadata.name=${name}`;
  const closing = new AbortController();
  const faults = createFaultState({
    log,
    recovered: "Following the agent's DaemonSet again",
    onChange: () => undefined,
  });
  let state: "unknown" | "there" | "gone" = "unknown";

  /** One that was never there is not gone: its name may be misspelt. */
  const note = (isThere: boolean): void => {
    if (isThere) {
      state = "there";
      faults.clear();
    } else if (state === "there") {
      state = "gone";
      log.warn(
        { daemonSet },
        "The agent's DaemonSet is deleted: once told to stop, it removes its host files",
      );
    }
  };

  const look = (timeoutMs: number): Promise<Sight> =>
    guarded({ clock, closing: closing.signal, silenceMs: timeoutMs }, async ({ signal }) => {
      const accept = ONLY_METADATA("PartialObjectMetadataList");
      const query = { fieldSelector };
      return readList(await client.send({ method: "GET", path, query, accept, signal }));
    });

  const watch = (resourceVersion: string): Promise<void> =>
    guarded({ clock, closing: closing.signal, silenceMs: LIST_MS }, async (dog) => {
      const events = watchObjects({
        client,
        path,
        fieldSelector,
        accept: ONLY_METADATA("PartialObjectMetadata"),
        resourceVersion,
        timeoutS: Math.round(MIN_WATCH_S * (1 + random())),
        signal: dog.signal,
        onOpen: () => dog.touch(WATCH_SILENCE_MS),
        onProgress: () => dog.touch(),
      });
      for await (const { type, object } of events)
        if (type !== "BOOKMARK") note(type !== "DELETED" && !isLeaving(object));
    });

  const follow = async (): Promise<void> => {
    let failures = 0;
    while (!closing.signal.aborted) {
      const startMs = clock.nowMs();
      try {
        const { isThere, resourceVersion } = await look(LIST_MS);
        note(isThere);
        if (state === "unknown")
          faults.set({
            key: "missing",
            text: `Cannot find DaemonSet "${daemonSet}": the agent leaves its files at its end`,
          });
        await watch(resourceVersion);
      } catch (error) {
        if (closing.signal.aborted) return;
        const failure = asApiError(error);
        // A version that is too old is no fault: the next look is the answer to it.
        if (failure.status !== 410) faults.set(describeFailure(daemonSet, failure));
      }
      failures = clock.nowMs() - startMs >= LIST_MS ? 0 : failures + 1;
      await pause(clock, backOffMs(failures, { ...BACK_OFF, random }), closing.signal);
    }
  };
  const following = Promise.resolve().then(follow);

  return {
    async isDeleted() {
      if (state !== "gone") return false;
      // One that was made again serves this node from now on. Who refuses to answer was deleted along with it.
      return look(CONFIRM_MS).then(
        ({ isThere }) => !isThere,
        () => true,
      );
    },
    async close() {
      closing.abort();
      await following;
    },
  };
}

function describeFailure(daemonSet: string, { message, status, reason }: ApiError): Fault {
  const permission =
    status === 403
      ? ' (the agent\'s account needs the verbs "list" and "watch" on this object of the resource "daemonsets" of API group "apps")'
      : "";
  return {
    key: `${status ?? ""} ${reason}`,
    text: `Cannot watch DaemonSet "${daemonSet}": ${message}${permission}; the agent leaves its files at its end`,
  };
}

async function readList(body: AsyncIterable<Buffer>): Promise<Sight> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_LIST_BYTES) throw garbageError(`the list is larger than ${MAX_LIST_BYTES} bytes`);
  }
  let list: unknown;
  try {
    list = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw garbageError(`the list is damaged: ${(cause as Error).message}`, cause);
  }
  const { metadata, items } = isFields(list) ? list : {};
  const resourceVersion = isFields(metadata) ? metadata["resourceVersion"] : undefined;
  if (typeof resourceVersion !== "string" || !Array.isArray(items))
    throw garbageError("the answer is not a list of DaemonSets");
  return { isThere: items.some((item) => !isLeaving(item)), resourceVersion };
}

/** With propagation policy Foreground the object stays, marked, until its pods are gone. */
function isLeaving(object: unknown): boolean {
  const metadata = isFields(object) ? object["metadata"] : undefined;
  return isFields(metadata) && typeof metadata["deletionTimestamp"] === "string";
}
