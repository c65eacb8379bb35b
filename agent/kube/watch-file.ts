import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { describeSystemError, readRegularFile } from "../lib/files.ts";
import type { Log } from "./log.ts";
import { createFaultState } from "./reflector/fault-state.ts";

export interface WatchFileOptions {
  readonly path: string;
  /** How messages call the file: "nodes file". */
  readonly noun: string;
  /** Takes another content. */
  readonly take: (text: string) => Promise<TakenFile>;
  /** Hears that the content, or what is wrong with it, is another. */
  readonly onChange: () => void;
  readonly log: Log;
  readonly clock: Clock;
}

/** What is wrong with a content, for which it is not used; or how much is in it, for the log. */
export type TakenFile = { readonly faults: readonly string[] } | { readonly counts: object };

export interface WatchedFile {
  /** False until there was a first good content. */
  isComplete(): boolean;
  fault(): string | undefined;
  /** How often watching began anew. */
  restarts(): number;
  /** When the file was last seen to be good. */
  lastGoodMs(): number | undefined;
  close(): Promise<void>;
}

/** From a notification to reading: programs write a file in several steps. */
const SETTLE_MS = 50;
/** However busy its folder is, in which other programs may write all the time. */
const MAX_SETTLE_MS = 250;
/**
 * The file is read this often even when nothing was heard: not every file system notifies, and a folder may
 * be replaced.
 */
const POLL_MS = 10_000;
/** The objects of a cluster of 20,000 pods have some 20 MB; memory is taken for several times as much. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Watches a file for changes. The folder is watched, not the file: editors and ConfigMap mounts replace it. A
 * file that is missing, half-written or malformed is a fault that keeps the last good state. `take` and
 * `onChange` are never called before this function has returned.
 */
export function watchFile({ path, noun, take, onChange, log, clock }: WatchFileOptions): WatchedFile {
  let isClosed = false;
  let content: string | undefined;
  let lastGoodMs: number | undefined;
  let reading = Promise.resolve();

  const notify = (): void => {
    if (!isClosed) onChange();
  };
  const title = `${noun.charAt(0).toUpperCase()}${noun.slice(1)}`;
  const faults = createFaultState({ log, recovered: `${title} is good again`, onChange: notify });

  const read = async (): Promise<void> => {
    const bytes = await readRegularFile(path, MAX_BYTES).catch((error: unknown) => {
      const reason = describeSystemError(error);
      faults.set({ key: reason, text: `Cannot read ${noun} "${path}": ${reason}` });
    });
    if (bytes === undefined) {
      content = undefined;
      return;
    }
    const text = bytes.toString("utf8");
    if (text === content) {
      if (faults.current() === undefined) lastGoodMs = clock.nowMs();
      return;
    }
    content = text;
    const taken = await take(text);
    if (isClosed) return;
    if ("faults" in taken) {
      const list = taken.faults.join("; ");
      faults.set({ key: list, text: `Cannot use ${noun} "${path}": ${list}` });
      return;
    }
    lastGoodMs = clock.nowMs();
    faults.clear();
    log.info(taken.counts, `${title} "${path}" read`);
    notify();
  };

  const folder = createFolderWatcher({ path, log });
  const looks = createLooks(clock, (settle) => {
    folder.ensure(settle);
    // One read after the other: a notification that comes during one leads to another after it, so the newest
    // content is seen.
    reading = reading.then(read);
  });
  looks.start();

  return {
    isComplete: () => lastGoodMs !== undefined,
    fault: () => faults.current()?.text,
    restarts: folder.restarts,
    lastGoodMs: () => lastGoodMs,
    async close() {
      isClosed = true;
      looks.stop();
      folder.close();
      await reading;
    },
  };
}

/** Looks at once, when what `settle` was called for has settled, and every {@link POLL_MS}. */
function createLooks(clock: Clock, look: (settle: () => void) => void) {
  let isStopped = false;
  let cancel = (): void => undefined;
  let settledByMs: number | undefined;
  const schedule = (delayMs: number): void => {
    cancel();
    if (!isStopped) cancel = clock.after(delayMs, run);
  };
  function run(): void {
    settledByMs = undefined;
    schedule(POLL_MS);
    look(settle);
  }
  function settle(): void {
    const nowMs = clock.nowMs();
    settledByMs ??= nowMs + MAX_SETTLE_MS;
    schedule(Math.min(SETTLE_MS, Math.max(0, settledByMs - nowMs)));
  }
  return {
    start: (): void => schedule(0),
    stop(): void {
      isStopped = true;
      cancel();
    },
  };
}

/** Hears of changes in the file's folder, as long as the file system tells of them. */
function createFolderWatcher({ path, log }: Pick<WatchFileOptions, "path" | "log">) {
  let watcher: FSWatcher | undefined;
  let opened = 0;
  const lose = (error: unknown): void => {
    watcher?.close();
    watcher = undefined;
    log.debug({}, `Cannot watch folder of "${path}", polling instead: ${describeSystemError(error)}`);
  };
  return {
    ensure(onHeard: () => void): void {
      if (watcher !== undefined) return;
      try {
        watcher = watch(dirname(path), { persistent: false }, onHeard);
        watcher.on("error", lose);
        opened++;
      } catch (error) {
        lose(error);
      }
    },
    restarts: (): number => Math.max(0, opened - 1),
    close: (): void => watcher?.close(),
  };
}
