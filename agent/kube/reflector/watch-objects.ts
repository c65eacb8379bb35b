import type { ApiClient } from "../api/api-client.ts";
import { ApiError, garbageError, statusError } from "../api/api-error.ts";
import { MAX_OBJECT_BYTES } from "./list-nodes.ts";
import { isFields } from "../nodes/project-node.ts";
import { readLines } from "./read-lines.ts";

/** One line of a watch, the ERROR type left out: that is thrown. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** Raw object; of a BOOKMARK only the version is filled in. */
  readonly object: Readonly<Record<string, unknown>>;
  /** Where a next watch goes on; undefined when the event does not tell. */
  readonly resourceVersion: string | undefined;
}

export interface WatchObjectsInput {
  readonly client: ApiClient;
  /** Of the collection, below the server's base URL. */
  readonly path: string;
  /** Of all objects of the collection only those that it selects. */
  readonly fieldSelector?: string;
  /** Form of the objects, where another than the whole is wanted. */
  readonly accept?: string;
  readonly resourceVersion: string;
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

/**
 * Watches objects of a collection from a version on (Kubernetes API concepts, "Efficient detection of changes"). Ends when the server ends the watch
 * cleanly; throws ApiError when it was cut, refused, expired (410, as HTTP status or ERROR event) or not understood.
 */
export async function* watchObjects(input: WatchObjectsInput): AsyncGenerator<WatchEvent> {
  const { client, path, fieldSelector, accept, resourceVersion, timeoutS, signal, onOpen, onProgress } =
    input;
  const query = {
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion,
    timeoutSeconds: String(timeoutS),
  };
  const body = await client.send({ method: "GET", path, query, accept, signal });
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
  const { type, object } = isFields(event) ? event : {};
  if (type === "ERROR") throw statusError(object, { text: "error event" });
  if (!isEventType(type) || !isFields(object))
    throw garbageError("a watch event has no known type or no object");
  const { metadata } = object;
  const version = isFields(metadata) ? metadata["resourceVersion"] : undefined;
  return {
    type,
    object,
    resourceVersion: typeof version === "string" && version !== "" ? version : undefined,
  };
}

function isEventType(type: unknown): type is WatchEvent["type"] {
  return EVENT_TYPES.has(type);
}
