import type { ApiClient } from "../api/api-client.ts";
import { type ApiError, asApiError } from "../api/api-error.ts";
import { backOffMs } from "./back-off.ts";
import { createFaultState } from "./fault-state.ts";
import { listNodes, NODES_PATH } from "./list-nodes.ts";
import { applyEvent, createNodeMap, type NodeMap } from "../nodes/node-map.ts";
import type { Clock } from "../../lib/clock.ts";
import type { NodeView, NodeViewLog } from "../nodes/node-view.ts";
import { pause } from "./pause.ts";
import { watchObjects } from "./watch-objects.ts";
import { guarded } from "./watchdog.ts";

export interface NodeReflectorOptions {
  readonly client: ApiClient;
  readonly onChange: () => void;
  readonly log: NodeViewLog;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Upper bounds of the first and the longest wait after a failure, as client-go's reflector has them. */
const BACK_OFF = { baseMs: 800, maxMs: 30_000 };
/** A list, or the answer to a watch request, is given up when nothing arrives for this time. */
const ANSWER_SILENCE_MS = 30_000;
/** A whole list is given up after this time, however busily its server trickles. */
const LIST_TOTAL_MS = 300_000;
/** A watch is given up when nothing arrives for this time: API servers send a bookmark every minute. */
const WATCH_SILENCE_MS = 180_000;
/** A watch that lived this long was a good one: the next failure is a first one again. */
const HEALTHY_WATCH_MS = 30_000;
/** The server is asked to end a watch after this time to twice of it, so that load spreads over API servers. */
const MIN_WATCH_S = 300;
/** How many of the skipped nodes of a list are logged by name. */
const MAX_LOGGED_SKIPPED = 10;

/** What is under way: decides what a failure means, and which faults a success ends. */
type Stage = "list" | "connect" | "stream";

/**
 * Follows the Node objects of a cluster: lists them in pages, then watches, and keeps only the projection of each. A list replaces the
 * whole map at once (relists that emit adds before deletes lost routes: antrea-io/antrea#1527), so a node that went away while the
 * connection was down is gone, and one that was made again is never merged with the old one.
 *
 * Nothing that the server does ends it: it tries again for ever, with back-off, keeps what it knows, and reports each change of
 * state once. Work begins at once; `onChange` is never called before this function has returned.
 */
export function createNodeReflector(options: NodeReflectorOptions): NodeView {
  const { client, onChange, log, clock, random } = options;
  const closing = new AbortController();
  let map: NodeMap = createNodeMap();
  /** Where the next watch goes on; undefined when a list is due. */
  let resourceVersion: string | undefined;
  let isComplete = false;
  let watchRestarts = 0;
  let lastEventMs: number | undefined;
  let stage: Stage = "list";
  /** Stage in which the present fault happened. */
  let faultStage: Stage = "list";
  let openedMs: number | undefined;

  const notify = (): void => {
    if (!closing.signal.aborted) onChange();
  };
  const faults = createFaultState({ log, recovered: "Following nodes again", onChange: notify });

  async function list(): Promise<string> {
    stage = "list";
    const { resourceVersion: listed, ...fresh } = await guarded(
      { clock, closing: closing.signal, silenceMs: ANSWER_SILENCE_MS, totalMs: LIST_TOTAL_MS },
      (dog) => listNodes({ client, signal: dog.signal, onProgress: () => dog.touch() }),
    );
    map = fresh;
    isComplete = true;
    lastEventMs = clock.nowMs();
    if (faultStage === "list") faults.clear();
    log.info({ nodes: map.nodes.size, skipped: map.skipped.size }, "Nodes listed");
    for (const [name, reason] of [...map.skipped].slice(0, MAX_LOGGED_SKIPPED)) logSkipped(name, reason);
    notify();
    return listed;
  }

  async function watch(from: string): Promise<void> {
    stage = "connect";
    openedMs = undefined;
    await guarded({ clock, closing: closing.signal, silenceMs: ANSWER_SILENCE_MS }, async (dog) => {
      const events = watchObjects({
        client,
        path: NODES_PATH,
        resourceVersion: from,
        timeoutS: Math.round(MIN_WATCH_S * (1 + random())),
        signal: dog.signal,
        onProgress: () => dog.touch(),
        onOpen: () => {
          stage = "stream";
          openedMs = clock.nowMs();
          dog.touch(WATCH_SILENCE_MS);
          if (faultStage !== "stream") faults.clear();
        },
      });
      for await (const event of events) {
        lastEventMs = clock.nowMs();
        const changed = applyEvent(map, event);
        resourceVersion = event.resourceVersion ?? resourceVersion;
        faults.clear();
        if (changed === undefined) continue;
        const reason = map.skipped.get(changed);
        if (reason !== undefined) logSkipped(changed, reason);
        notify();
      }
    });
    faults.clear();
  }

  function logSkipped(name: string, reason: string): void {
    log.warn({ node: name }, `Cannot use node "${name}": ${reason}`);
  }

  async function follow(): Promise<void> {
    let failures = 0;
    while (!closing.signal.aborted) {
      let failure: ApiError | undefined;
      try {
        resourceVersion ??= await list();
        await watch(resourceVersion);
      } catch (error) {
        failure = asApiError(error);
      }
      if (closing.signal.aborted) return;
      const isHealthy = openedMs !== undefined && clock.nowMs() - openedMs >= HEALTHY_WATCH_MS;
      openedMs = undefined;
      if (isHealthy) failures = 0;
      if (failure !== undefined) noteFailure(failure);
      watchRestarts++;
      // A watch that ended in time is followed by the next at once; one that ends too soon must not become a busy loop.
      if (failure === undefined && isHealthy) continue;
      failures++;
      const delayMs = (failure?.retryAfterMs ?? 0) + backOffMs(failures, { ...BACK_OFF, random });
      await pause(clock, delayMs, closing.signal);
    }
  }

  function noteFailure(failure: ApiError): void {
    if (needsList(stage, failure)) resourceVersion = undefined;
    // The server's history is finite: a version that is too old is no fault, the list that follows is the answer to it.
    if (stage !== "list" && failure.status === 410) {
      log.info({}, `Listing nodes anew: ${failure.message}`);
      return;
    }
    faultStage = stage;
    faults.set({
      key: `${stage} ${failure.status ?? ""} ${failure.reason}`,
      text: describeFailure(stage, failure),
    });
  }

  const following = Promise.resolve().then(follow);

  return {
    nodes: () => map.nodes,
    skipped: () => map.skipped,
    isComplete: () => isComplete,
    fault: () => faults.current()?.text,
    stats: () => ({ watchRestarts, lastEventMs }),
    async close() {
      closing.abort();
      await following;
    },
  };
}

/**
 * Whether only a list can go on after a failed watch. Not after a cut, nor while the server is away or refuses us: then the old
 * version is as good as before, and thousands of agents that list at the same moment would keep the server from recovering.
 */
function needsList(stage: Stage, { status, reason }: ApiError): boolean {
  if (stage === "list") return true;
  if (reason === "Garbage") return true;
  if (status === undefined) return false;
  if (stage === "stream") return true;
  return status < 500 && status !== 401 && status !== 403 && status !== 429;
}

function describeFailure(stage: Stage, { message, status }: ApiError): string {
  const verb = stage === "list" ? "list" : "watch";
  const permission =
    status === 403
      ? ' (the agent\'s account needs the verbs "list" and "watch" on the resource "nodes" of API group "")'
      : "";
  return `Cannot ${verb} nodes: ${message}${permission}`;
}
