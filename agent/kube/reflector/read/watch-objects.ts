import { isObject, type JsonObject } from "../../../lib/json.ts";
import type { ApiClient } from "../../api/api-client.ts";
import { ApiError, garbageError, statusError } from "../../api/api-error.ts";
import { acceptOf, metadataOf, type Scope, selectorsOf, type WatchedKind } from "../kind.ts";
import { MAX_OBJECT_BYTES } from "./list-objects.ts";
import { readLines } from "./read-lines.ts";

/** One line of a watch, the ERROR type left out: that is thrown. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** Raw object; of a BOOKMARK only the version is filled in. */
  readonly object: JsonObject;
  /** Where a next watch goes on; undefined when the event does not tell. */
  readonly resourceVersion: string | undefined;
  /** The BOOKMARK behind the objects that were there when a streaming list began. */
  readonly endsInitialEvents: boolean;
}

export interface WatchObjectsInput {
  readonly client: ApiClient;
  readonly kind: WatchedKind<unknown>;
  readonly scope: Scope;
  /**
   * Where to go on; undefined for a streaming list: all objects that are there, a bookmark, then what
   * changes.
   */
  readonly resourceVersion: string | undefined;
  /** After this time the server ends the watch cleanly. */
  readonly timeoutS: number;
  readonly signal: AbortSignal;
  /** Called when the server has accepted the watch. */
  readonly onOpen: () => void;
  /** Hears every piece that arrives. */
  readonly onProgress: () => void;
}

const EVENT_TYPES: ReadonlySet<unknown> = new Set(["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]);

/** What a watch event has besides its object. */
const MAX_LINE_BYTES = MAX_OBJECT_BYTES + 1024;

/** Asks for a streaming list that has the newest writes (Kubernetes API concepts, "Streaming lists"). */
const STREAMING_LIST = { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" };
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/**
 * Watches objects of a scope from a version on (Kubernetes API concepts, "Efficient detection of changes").
 * Ends when the server ends the watch cleanly; throws ApiError when it was cut, refused, expired (410, as
 * HTTP status or ERROR event) or not understood.
 */
export async function* watchObjects(input: WatchObjectsInput): AsyncGenerator<WatchEvent> {
  const { client, kind, scope, resourceVersion, timeoutS, signal, onOpen, onProgress } = input;
  const query = {
    ...selectorsOf(scope),
    watch: "true",
    allowWatchBookmarks: "true",
    ...(resourceVersion === undefined ? STREAMING_LIST : { resourceVersion }),
    timeoutSeconds: String(timeoutS),
  };
  const accept = acceptOf(kind, "");
  const body = await client.send({ method: "GET", path: scope.path, query, accept, signal });
  onOpen();
  const lines = readLines(withProgress(body, onProgress), {
    maxLineBytes: MAX_LINE_BYTES,
    tooLong: () => garbageError(`a watch event is larger than ${MAX_LINE_BYTES} bytes`),
    onPartial: (bytes) => {
      throw new ApiError(`the watch ended in the middle of an event, after ${bytes} bytes of it`, {
        reason: "Cut",
      });
    },
  });
  for await (const line of lines) if (line.trim() !== "") yield readEvent(line);
}

async function* withProgress(chunks: AsyncIterable<Buffer>, onProgress: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onProgress();
    yield chunk;
  }
}

function readEvent(line: string): WatchEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw garbageError(`a watch event is damaged: ${(cause as Error).message}`, cause);
  }
  const { type, object } = isObject(event) ? event : {};
  if (type === "ERROR") throw statusError(object, { text: "error event" });
  if (!isEventType(type) || !isObject(object))
    throw garbageError("a watch event has no known type or no object");
  const { resourceVersion, annotations } = metadataOf(object);
  return {
    type,
    object,
    resourceVersion:
      typeof resourceVersion === "string" && resourceVersion !== "" ? resourceVersion : undefined,
    endsInitialEvents:
      type === "BOOKMARK" && isObject(annotations) && annotations[INITIAL_EVENTS_END] === "true",
  };
}

function isEventType(type: unknown): type is WatchEvent["type"] {
  return EVENT_TYPES.has(type);
}
