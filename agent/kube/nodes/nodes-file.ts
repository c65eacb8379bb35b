import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describeSystemError } from "../../lib/files.ts";
import { createFaultState } from "../reflector/fault-state.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../log.ts";
import type { ClusterNode, NodeView } from "./node-view.ts";
import { type KnownEntries, parseNodesFile } from "./parse-nodes-file.ts";

export interface NodesFileOptions {
  readonly path: string;
  readonly onChange: () => void;
  readonly log: Log;
  readonly clock: Clock;
}

/** From a notification to reading: programs write a file in several steps. */
const SETTLE_MS = 50;
/** The file is read this often even when nothing was heard: not every file system notifies, and a folder may be replaced. */
const POLL_MS = 10_000;

/**
 * The nodes that a file names (see parseNodesFile), watched for changes. The folder is watched, not the file: editors and ConfigMap
 * mounts replace it. A file that is missing, half-written or malformed is a fault that keeps the last good state; before a first good
 * state the view is not complete. `onChange` is never called before this function has returned.
 */
export function watchNodesFile({ path, onChange, log, clock }: NodesFileOptions): NodeView {
  let nodes: ReadonlyMap<string, ClusterNode> = new Map();
  const skipped: ReadonlyMap<string, string> = new Map();
  let isComplete = false;
  let isClosed = false;
  let content: string | undefined;
  let known: KnownEntries = new Map();
  let watcher: FSWatcher | undefined;
  let watchRestarts = -1;
  let lastEventMs: number | undefined;
  let reading = Promise.resolve();
  let cancelTimer = (): void => undefined;

  const notify = (): void => {
    if (!isClosed) onChange();
  };
  const faults = createFaultState({ log, recovered: "Nodes file is good again", onChange: notify });

  const read = async (): Promise<void> => {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      content = undefined;
      faults.set({ key: "read", text: `Cannot read nodes file "${path}": ${describeSystemError(error)}` });
      return;
    }
    if (text === content) {
      if (faults.current() === undefined) lastEventMs = clock.nowMs();
      return;
    }
    content = text;
    const file = await parseNodesFile(text, { known, breathe: setImmediate });
    if (isClosed) return;
    known = file.known;
    if (file.kind === "faulty") {
      const list = file.faults.join("; ");
      faults.set({ key: list, text: `Cannot use nodes file "${path}": ${list}` });
      return;
    }
    nodes = file.nodes;
    isComplete = true;
    lastEventMs = clock.nowMs();
    faults.clear();
    log.info({ nodes: nodes.size }, `Nodes file "${path}" read`);
    notify();
  };

  const schedule = (delayMs: number): void => {
    cancelTimer();
    if (!isClosed) cancelTimer = clock.after(delayMs, run);
  };

  function run(): void {
    ensureWatcher();
    schedule(POLL_MS);
    // One read after the other: a notification that comes during one leads to another after it, so the newest content is seen.
    reading = reading.then(read);
  }

  function ensureWatcher(): void {
    if (watcher !== undefined || isClosed) return;
    try {
      watcher = watch(dirname(path), { persistent: false }, () => schedule(SETTLE_MS));
      watcher.on("error", loseWatcher);
      watchRestarts++;
    } catch (error) {
      loseWatcher(error);
    }
  }
  function loseWatcher(error: unknown): void {
    watcher?.close();
    watcher = undefined;
    log.debug({}, `Cannot watch folder of "${path}", it is polled: ${describeSystemError(error)}`);
  }

  schedule(0);

  return {
    nodes: () => nodes,
    skipped: () => skipped,
    isComplete: () => isComplete,
    fault: () => faults.current()?.text,
    stats: () => ({ watchRestarts: Math.max(0, watchRestarts), lastEventMs }),
    async close() {
      isClosed = true;
      cancelTimer();
      watcher?.close();
      await reading;
    },
  };
}
