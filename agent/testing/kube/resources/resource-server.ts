import type { ServerResponse } from "node:http";
import { resetConnection } from "../reset-connection.ts";
import { sendStatus, statusObject } from "../api-faults.ts";
import { createObjectStore, type ObjectStore, type StoredObject } from "./object-store.ts";
import type { Resource, ResourcePath } from "./resource.ts";
import { createResourceView, type Query, type ResourceView, watchLine } from "./resource-view.ts";

export interface ResourceServerOptions {
  /** How a version that is too old is refused: real servers do both. */
  readonly goneBy?: "status" | "event";
  /** Like the cache of old API servers, which answers with everything. */
  readonly ignoresLimit?: boolean;
  /**
   * Streaming lists: of servers that have them (since Kubernetes 1.34), that do not, or that take the
   * parameters and heed them not.
   */
  readonly streaming?: "served" | "refused" | "ignored";
}

export type ReadVerb = "list" | "watch" | "stream";

export interface ReadRequest extends Pick<ResourcePath, "namespace"> {
  readonly verb: ReadVerb;
  readonly query: Query;
  /** Only metadata is wanted. */
  readonly isPartial: boolean;
}

/** Objects of one kind, listed and watched. */
export interface ResourceServer {
  readonly resource: Resource;
  readonly objects: ObjectStore;
  answer(request: ReadRequest, response: ServerResponse): void;
  /** Continue tokens are too old as soon as they are used. */
  expire(isOn: boolean): void;
  watchers(): number;
  sendBookmarks(): void;
  /** Bytes to all watchers, whatever they may be. */
  sendRaw(text: string): void;
  /** "cut" resets the connections of all watchers, "end" ends their answers cleanly. */
  endWatches(how: "cut" | "end"): void;
}

/** Version and time of the snapshot that the pages of one list are cut from. */
interface Snapshot {
  readonly objects: readonly StoredObject[];
  readonly version: number;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly view: ResourceView;
  readonly bookmarks: boolean;
  /** Stops sending. */
  forget: () => void;
}

const GONE = { code: 410, reason: "Expired", message: "too old resource version" };
const NO_STREAM = {
  code: 422,
  reason: "Invalid",
  message:
    "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
};
const INITIAL_EVENTS_END = { "k8s.io/initial-events-end": "true" };

export function createResourceServer(resource: Resource, options: ResourceServerOptions): ResourceServer {
  const { goneBy = "event", streaming = "refused" } = options;
  const objects = createObjectStore();
  const pages = createPages(objects, options);
  const watchers = new Set<Watcher>();

  function watch({ query, verb }: ReadRequest, view: ResourceView, response: ServerResponse): void {
    const from = Number(query["resourceVersion"] ?? 0);
    const missed = from === 0 ? [] : objects.since(from);
    if (missed === undefined && goneBy === "status") return sendStatus(response, GONE);
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (missed === undefined) {
      response.end(watchLine("ERROR", JSON.stringify(statusObject(GONE))));
      return;
    }
    const send = (line: string | undefined): void => {
      if (line !== undefined) response.write(line);
    };
    if (from === 0)
      for (const { json } of objects.list())
        if (view.holds(json)) send(watchLine("ADDED", view.object(json)));
    for (const entry of missed) send(view.line(entry));
    if (verb === "stream" && streaming === "served")
      send(view.bookmark(objects.version(), INITIAL_EVENTS_END));
    follow(
      query,
      view,
      response,
      objects.listen((entry) => send(view.line(entry))),
    );
  }

  function follow(query: Query, view: ResourceView, response: ServerResponse, stop: () => void): void {
    const bookmarks = query["allowWatchBookmarks"] === "true";
    const watcher: Watcher = { response, view, bookmarks, forget: () => undefined };
    watchers.add(watcher);
    const timer = setTimeout(() => endWatch(watcher, "end"), Number(query["timeoutSeconds"] ?? 1800) * 1000);
    watcher.forget = () => {
      clearTimeout(timer);
      stop();
      watchers.delete(watcher);
    };
    response.once("close", watcher.forget);
  }

  return {
    resource,
    objects,
    answer(request, response) {
      const view = createResourceView(resource, request, request.query, request.isPartial);
      if (request.verb === "list") return pages.send(request.query, view, response);
      if (request.verb === "stream" && streaming === "refused") return sendStatus(response, NO_STREAM);
      return watch(request, view, response);
    },
    expire: pages.expire,
    watchers: () => watchers.size,
    sendBookmarks() {
      for (const { response, view, bookmarks } of watchers)
        if (bookmarks) response.write(view.bookmark(objects.version()));
    },
    sendRaw(text) {
      for (const { response } of watchers) response.write(text);
    },
    endWatches(how) {
      for (const watcher of watchers) endWatch(watcher, how);
    },
  };
}

interface Pages {
  send(query: Query, view: ResourceView, response: ServerResponse): void;
  expire(isOn: boolean): void;
}

function createPages(store: ObjectStore, { ignoresLimit = false }: ResourceServerOptions): Pages {
  const snapshots = new Map<string, Snapshot>();
  let snapshotCount = 0;
  let isExpired = false;
  return {
    expire(isOn) {
      isExpired = isOn;
    },
    send(query, view, response) {
      const [id = "", offset = "0"] = (query["continue"] ?? "").split(":");
      const known = snapshots.get(id);
      if (id !== "" && (known === undefined || isExpired))
        return sendStatus(response, { ...GONE, message: "The provided continue parameter is too old" });
      const { objects, version } = known ?? {
        objects: store.list().filter(({ json }) => view.holds(json)),
        version: store.version(),
      };
      const start = Number(offset);
      const limit = ignoresLimit ? 0 : Number(query["limit"] ?? 0);
      const page = objects.slice(start, limit === 0 ? undefined : start + limit);
      const left = objects.length - start - page.length;
      const nextId = id === "" ? `c${++snapshotCount}` : id;
      if (left > 0) snapshots.set(nextId, { objects, version });
      const metadata = {
        resourceVersion: String(version),
        ...(left > 0 ? { continue: `${nextId}:${start + page.length}`, remainingItemCount: left } : {}),
      };
      response.writeHead(200, { "content-type": "application/json" });
      response.write(
        `{"kind":"${view.listKind}","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[`,
      );
      for (const [index, { json }] of page.entries()) {
        if (index > 0) response.write(",");
        response.write(view.item(json));
      }
      response.end("]}\n");
    },
  };
}

function endWatch({ response, forget }: Watcher, how: "cut" | "end"): void {
  forget(); // nothing may be written after the end
  if (how === "end") response.end();
  else resetConnection(response.socket);
}
