import { isObject } from "../../../lib/json.ts";
import type { ApiClient } from "../../api/api-client.ts";
import { garbageError } from "../../api/api-error.ts";
import { acceptOf, type Scope, selectorsOf, type WatchedKind } from "../kind.ts";
import { createListSplitter } from "./split-list.ts";

export interface ListObjectsInput {
  readonly client: ApiClient;
  readonly kind: WatchedKind<unknown>;
  readonly scope: Scope;
  readonly signal: AbortSignal;
  /** Hears every piece that arrives. */
  readonly onProgress: () => void;
  /** Hears each object as it arrives. */
  readonly onObject: (raw: unknown) => void;
}

/**
 * Largest object: etcd refuses values of more than 1.5 MiB by default, 4 MiB leaves room for larger settings.
 */
export const MAX_OBJECT_BYTES = 4 * 1024 * 1024;

/** Objects a page: the pace of client-go's pager. */
const PAGE_SIZE = 500;

/**
 * Lists all objects of a scope in pages (Kubernetes API concepts, "Retrieving large results sets in chunks");
 * answers the version from which a watch goes on. Throws ApiError; one with status 410 says that the continue
 * token is too old, and the list has to begin again.
 *
 * The first page asks for no version, so the list is consistent with the newest writes. `resourceVersion=0`
 * would be cheaper for the server but may lack objects that are there, and routes are removed because of what
 * is not in the list.
 */
export async function listObjects(input: ListObjectsInput): Promise<string> {
  const { client, kind, scope, signal } = input;
  let token = "";
  for (;;) {
    const query = {
      ...selectorsOf(scope),
      limit: String(PAGE_SIZE),
      ...(token === "" ? {} : { continue: token }),
    };
    const accept = acceptOf(kind, "List");
    const page = await readPage(
      await client.send({ method: "GET", path: scope.path, query, accept, signal }),
      input,
    );
    if (page.token === "") return page.resourceVersion;
    if (page.token === token) throw garbageError("the server repeats the same continue token");
    token = page.token;
  }
}

interface Page {
  readonly token: string;
  readonly resourceVersion: string;
}

async function readPage(
  body: AsyncIterable<Buffer>,
  { kind, onProgress, onObject }: ListObjectsInput,
): Promise<Page> {
  const splitter = createListSplitter({
    maxItemBytes: MAX_OBJECT_BYTES,
    onItem: (text) => onObject(JSON.parse(text)),
  });
  const feed = (chunk: Buffer): void => {
    try {
      splitter.push(chunk);
    } catch (cause) {
      throw garbageError(`the list is damaged: ${(cause as Error).message}`, cause);
    }
  };
  for await (const chunk of body) {
    onProgress();
    feed(chunk);
  }
  return readFrame(splitter.end(), kind);
}

function readFrame(text: string, { kind, isMetadataOnly }: WatchedKind<unknown>): Page {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch (cause) {
    throw garbageError(`the list is damaged: ${(cause as Error).message}`, cause);
  }
  const metadata = isObject(frame) ? frame["metadata"] : undefined;
  const kinds = [`${kind}List`, ...(isMetadataOnly === true ? ["PartialObjectMetadataList"] : [])];
  if (!isObject(frame) || !kinds.some((known) => known === frame["kind"]) || !isObject(metadata))
    throw garbageError(`the answer is not a ${kind}List`);
  const { resourceVersion, continue: token = "" } = metadata;
  if (typeof resourceVersion !== "string" || resourceVersion === "" || typeof token !== "string")
    throw garbageError("the list has no resourceVersion");
  return { token, resourceVersion };
}
