import type { ApiClient } from "../api/api-client.ts";
import { garbageError } from "../api/api-error.ts";
import { createNodeMap, type NodeMap, putNode } from "../nodes/node-map.ts";
import { isFields } from "../nodes/project-node.ts";
import { createListSplitter } from "./split-list.ts";

/** All nodes at one version of the cluster's state. */
export interface NodeList extends NodeMap {
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

export interface ListNodesInput {
  readonly client: ApiClient;
  readonly signal: AbortSignal;
  /** Hears every piece that arrives. */
  readonly onProgress: () => void;
}

export const NODES_PATH = "/api/v1/nodes";

/** Largest Node object: etcd refuses values of more than 1.5 MiB by default, 4 MiB leaves room for larger settings. */
export const MAX_OBJECT_BYTES = 4 * 1024 * 1024;

/** Nodes per page: the pace of client-go's pager. */
const PAGE_SIZE = 500;

/**
 * Lists all nodes in pages, each node projected as it arrives (Kubernetes API concepts, "Retrieving large results sets in chunks").
 * Throws ApiError; one with status 410 says that the continue token is too old, and the list has to begin again.
 *
 * The first page asks for no version, so the list is consistent with the newest writes. `resourceVersion=0` would be cheaper for the
 * server but may lack nodes that are there, and routes are removed because of what is not in the list.
 */
export async function listNodes({ client, signal, onProgress }: ListNodesInput): Promise<NodeList> {
  const map = createNodeMap();
  let token = "";
  for (;;) {
    const query = {
      limit: String(PAGE_SIZE),
      ...(token === "" ? {} : { continue: token }),
    };
    const body = await client.send({ method: "GET", path: NODES_PATH, query, signal });
    const page = await readPage(body, onProgress, (raw) => putNode(map, raw));
    if (page.token === "") return { ...map, resourceVersion: page.resourceVersion };
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
  onProgress: () => void,
  onNode: (raw: unknown) => void,
): Promise<Page> {
  const splitter = createListSplitter({
    maxItemBytes: MAX_OBJECT_BYTES,
    onItem: (text) => onNode(JSON.parse(text)),
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
  return readFrame(splitter.end());
}

function readFrame(text: string): Page {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch (cause) {
    throw garbageError(`the list is damaged: ${(cause as Error).message}`, cause);
  }
  const metadata = isFields(frame) ? frame["metadata"] : undefined;
  if (!isFields(frame) || frame["kind"] !== "NodeList" || !isFields(metadata))
    throw garbageError("the answer is not a NodeList");
  const { resourceVersion, continue: token = "" } = metadata;
  if (typeof resourceVersion !== "string" || resourceVersion === "" || typeof token !== "string")
    throw garbageError("the list has no resourceVersion");
  return { token, resourceVersion };
}
