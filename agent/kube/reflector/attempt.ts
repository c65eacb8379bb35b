import { ApiError, asApiError, garbageError } from "../api/api-error.ts";
import { isStreamRefusal } from "./failure.ts";
import { listObjects } from "./read/list-objects.ts";
import { applyEvent, createObjectStore, putObject } from "./object-store.ts";
import { type Run, takeEvent, takeList, takeOpen } from "./run.ts";
import { watchObjects, type WatchEvent } from "./read/watch-objects.ts";
import { guarded, type Watchdog } from "./read/watchdog.ts";

/** A list, or the answer to a watch request, is given up when nothing arrives for this time. */
const ANSWER_SILENCE_MS = 30_000;
/** A list in pages is given up after this time, however busily its server trickles. */
const PAGES_TOTAL_MS = 300_000;
/**
 * A streaming list that has no end by then is asked for in pages: not every server, or proxy, that takes the
 * parameters heeds them.
 */
const STREAM_TOTAL_MS = 60_000;
/** A watch is given up when nothing arrives for this time: API servers send a bookmark every minute. */
const WATCH_SILENCE_MS = 180_000;
/**
 * The server is asked to end a watch after this time to twice of it, so that load spreads over API servers.
 */
const MIN_WATCH_S = 300;

/**
 * Lists if a list is due, then watches until the server ends that cleanly. Throws whatever ends it otherwise.
 */
export async function attempt<T>(run: Run<T>): Promise<void> {
  if (run.resourceVersion === undefined && run.mayStream && (await streamList(run))) return;
  run.resourceVersion ??= await listPages(run);
  await watch(run, run.resourceVersion);
}

/** One request that lists and goes on as a watch. False: the server has no streaming lists. */
async function streamList<T>(run: Run<T>): Promise<boolean> {
  run.stage = "list";
  run.mayStream = false;
  try {
    await withWatch(run, STREAM_TOTAL_MS, (watchdog) => receiveList(run, watchdog));
    return true;
  } catch (error) {
    // Once the list is there, a failure is one of the watch.
    if (run.resourceVersion === undefined && isStreamRefusal(asApiError(error))) return false;
    throw error;
  }
}

async function receiveList<T>(run: Run<T>, watchdog: Watchdog): Promise<void> {
  const { kind } = run.options;
  const fresh = createObjectStore<T>();
  let isListed = false;
  for await (const event of openWatch(run, watchdog, undefined, () => undefined)) {
    if (isListed) takeEvent(run, event);
    else if (event.endsInitialEvents) {
      if (event.resourceVersion === undefined) throw garbageError("the list has no resourceVersion");
      isListed = true;
      watchdog.endTotal();
      watchdog.touch(WATCH_SILENCE_MS);
      takeList(run, fresh, event.resourceVersion);
      takeOpen(run);
    } else if (event.type === "BOOKMARK")
      throw unheeded("sends another bookmark than the one behind the list");
    else applyEvent(kind, fresh, event, run.store);
  }
  if (!isListed) throw unheeded("ends the watch before the list is complete");
}

/** The next list is asked for in pages. */
function unheeded(what: string): ApiError {
  return new ApiError(`the server took the request for a streaming list, but ${what}`, {
    reason: "NoStream",
  });
}

async function listPages<T>(run: Run<T>): Promise<string> {
  const { client, kind, scope, clock } = run.options;
  run.stage = "list";
  const fresh = createObjectStore<T>();
  const resourceVersion = await guarded(
    { clock, closing: run.closing, silenceMs: ANSWER_SILENCE_MS, totalMs: PAGES_TOTAL_MS },
    ({ signal, touch }) =>
      listObjects({
        client,
        kind,
        scope,
        signal,
        onProgress: () => touch(),
        onObject: (raw) => putObject(kind, fresh, raw, run.store),
      }),
  );
  takeList(run, fresh, resourceVersion);
  return resourceVersion;
}

async function watch<T>(run: Run<T>, from: string): Promise<void> {
  run.stage = "connect";
  await withWatch(run, undefined, async (watchdog) => {
    const onOpen = (): void => {
      watchdog.touch(WATCH_SILENCE_MS);
      takeOpen(run);
    };
    for await (const event of openWatch(run, watchdog, from, onOpen)) takeEvent(run, event);
  });
}

/** Runs a watch request to its clean end, which ends any fault. */
async function withWatch<T>(
  { options: { clock }, closing, faults }: Run<T>,
  totalMs: number | undefined,
  work: (watchdog: Watchdog) => Promise<void>,
): Promise<void> {
  await guarded(
    { clock, closing, silenceMs: ANSWER_SILENCE_MS, ...(totalMs === undefined ? {} : { totalMs }) },
    work,
  );
  faults.clear();
}

function openWatch<T>(
  { options: { client, kind, scope, random } }: Run<T>,
  watchdog: Watchdog,
  resourceVersion: string | undefined,
  onOpen: () => void,
): AsyncGenerator<WatchEvent> {
  const timeoutS = Math.round(MIN_WATCH_S * (1 + random()));
  const onProgress = (): void => watchdog.touch();
  return watchObjects({
    client,
    kind,
    scope,
    resourceVersion,
    timeoutS,
    signal: watchdog.signal,
    onOpen,
    onProgress,
  });
}
