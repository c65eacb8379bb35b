import type { Clock } from "../../lib/clock.ts";
import { createTokenBucket, type TokenBucket } from "../../lib/token-bucket.ts";
import type { ApiClient } from "../api/api-client.ts";
import type { Log } from "../log.ts";
import { createFaultState, type FaultState } from "./fault-state.ts";
import type { Scope, WatchedKind } from "./kind.ts";
import {
  applyEvent,
  createObjectStore,
  diffStores,
  type ObjectChange,
  type ObjectStore,
} from "./object-store.ts";
import type { WatchEvent } from "./read/watch-objects.ts";

export interface ReflectorOptions<T> {
  readonly client: ApiClient;
  readonly kind: WatchedKind<T>;
  readonly scope: Scope;
  /** What is followed, for messages; the name of the resource where nothing is said. */
  readonly title?: string;
  /** What a fault means for the agent, for messages. */
  readonly consequence?: string;
  /** Upper bound of the waits between two failures. */
  readonly maxWaitMs?: number;
  /**
   * A collection that is not there is looked for again after a second, then ever later, up to half of this
   * time to one and a half; 5 min where nothing is said.
   */
  readonly absentWaitMs?: number;
  /**
   * Hears what became of objects; a list without changes says that the list is complete, or that there is
   * another fault or none.
   */
  readonly onChange: (changes: readonly ObjectChange<T>[]) => void;
  readonly log: Log;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What is under way: decides what a failure means, and which faults a success ends. */
export type Stage = "list" | "connect" | "stream";

/** What a reflector knows, from one request to the next. */
export interface Run<T> {
  readonly options: ReflectorOptions<T>;
  readonly title: string;
  readonly closing: AbortSignal;
  readonly faults: FaultState;
  readonly notify: (changes: readonly ObjectChange<T>[]) => void;
  store: ObjectStore<T>;
  /** Where the next watch goes on; undefined when a list is due. */
  resourceVersion: string | undefined;
  isComplete: boolean;
  /** The server has no such collection, and that is believed. */
  isAbsent: boolean;
  /**
   * Whether the next list is tried as a streaming one: not after one that failed, until a list in pages has
   * succeeded.
   */
  mayStream: boolean;
  stage: Stage;
  /** Stage in which the present fault happened. */
  faultStage: Stage;
  /** Since when the present watch is open. */
  openedMs: number | undefined;
  lastEventMs: number | undefined;
  /** Ends the wait for a collection that is not there. */
  wake: () => void;
  /** Of objects that cannot be used. */
  readonly lines: TokenBucket;
  /** Since when the server says nothing but that it has no such collection. */
  absentSinceMs: number | undefined;
}

/** How many of the skipped objects of a list are logged by name. */
const MAX_LOGGED_SKIPPED = 10;

/** Lines of objects that cannot be used: one that is written all the time fills no disk. Metrics have all. */
const SKIPPED_LINES = { perSecond: 0.1, burst: 50 } as const;
/**
 * A collection that had objects counts as gone when this time has passed: a server that starts does not know
 * all definitions at once.
 */
const ABSENT_MS = 60_000;

export function createRun<T>(options: ReflectorOptions<T>, closing: AbortSignal): Run<T> {
  const title = options.title ?? options.kind.resource;
  const notify = (changes: readonly ObjectChange<T>[]): void => {
    if (!closing.aborted) options.onChange(changes);
  };
  const faults = createFaultState({
    log: options.log,
    recovered: `Watching ${title} again`,
    onChange: () => notify([]),
  });
  return {
    options,
    title,
    closing,
    faults,
    notify,
    store: createObjectStore(),
    resourceVersion: undefined,
    isComplete: false,
    isAbsent: false,
    lines: createTokenBucket({ ...SKIPPED_LINES, startMs: options.clock.nowMs() }),
    mayStream: true,
    stage: "list",
    faultStage: "list",
    openedMs: undefined,
    lastEventMs: undefined,
    wake: () => undefined,
    absentSinceMs: undefined,
  };
}

/** A list is complete: it replaces all that was known, at once. */
export function takeList<T>(run: Run<T>, fresh: ObjectStore<T>, resourceVersion: string): void {
  const { options, title, faults } = run;
  run.resourceVersion = resourceVersion;
  run.mayStream = true;
  run.absentSinceMs = undefined;
  run.isAbsent = false;
  if (run.faultStage === "list") faults.clear();
  const counts = { [options.kind.resource]: fresh.objects.size, skipped: fresh.skipped.size };
  options.log.info(counts, `Listed ${title}`);
  for (const [key, reason] of [...fresh.skipped].slice(0, MAX_LOGGED_SKIPPED)) logSkipped(run, key, reason);
  replace(run, fresh);
}

/** Something came through the watch. */
export function takeEvent<T>(run: Run<T>, event: WatchEvent): void {
  run.lastEventMs = run.options.clock.nowMs();
  const change = applyEvent(run.options.kind, run.store, event);
  run.resourceVersion = event.resourceVersion ?? run.resourceVersion;
  run.faults.clear();
  if (change === undefined) return;
  if (change.type === "skipped") logSkipped(run, change.key, change.reason);
  run.notify([change]);
}

/** The server accepts a watch. */
export function takeOpen<T>(run: Run<T>): void {
  run.stage = "stream";
  run.openedMs = run.options.clock.nowMs();
  if (run.faultStage !== "stream") run.faults.clear();
}

/** The server has no such collection; answers whether that is to be believed. */
export function takeAbsence<T>(run: Run<T>): boolean {
  const { options, store, title } = run;
  const nowMs = options.clock.nowMs();
  run.absentSinceMs ??= nowMs;
  const isEmpty = store.objects.size === 0 && store.skipped.size === 0;
  if (!isEmpty && nowMs - run.absentSinceMs < ABSENT_MS) return false;
  run.resourceVersion = undefined;
  run.mayStream = true;
  run.faults.clear();
  if (run.isAbsent) return true;
  run.isAbsent = true;
  options.log.info({}, `The API server has no ${title}: retrying periodically`);
  replace(run, createObjectStore());
  return true;
}

function replace<T>(run: Run<T>, fresh: ObjectStore<T>): void {
  const changes = diffStores(run.store, fresh);
  run.store = fresh;
  run.isComplete = true;
  run.lastEventMs = run.options.clock.nowMs();
  run.notify(changes);
}

function logSkipped<T>({ options: { log, kind, clock }, lines }: Run<T>, key: string, reason: string): void {
  if (!lines.take(clock.nowMs())) return;
  log.warn({ [kind.noun]: key }, `Cannot use ${kind.noun} "${key}": ${reason}`);
}
