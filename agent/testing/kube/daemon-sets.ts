import type { IncomingMessage, ServerResponse } from "node:http";
import { type ApiFault, misbehave, sendStatus } from "./api-faults.ts";

/** DaemonSets of a local API server: list and watch by name, as metadata or whole. */
export interface DaemonSets {
  /** Makes one, or marks it as being deleted, as propagation policy Foreground does. */
  put(name: string, options?: { readonly isLeaving: boolean }): void;
  remove(name: string): void;
  /** Sets what goes wrong with new requests; watches that are open go on, as on real servers. */
  setFault(fault: Exclude<ApiFault, { kind: "expire" }> | undefined): void;
  /** Names that were asked for, one for each request. */
  readonly asked: readonly string[];
  watchers(): number;
  endWatches(): void;
  /** Answers a request for `DAEMON_SETS_PATH`. */
  serve(url: URL, request: IncomingMessage, response: ServerResponse): void;
}

export const DAEMON_SETS_PATH = /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/daemonsets$/;

interface Entry {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly version: number;
  readonly name: string;
  readonly isLeaving: boolean;
}

interface Watcher {
  readonly name: string;
  readonly isPartial: boolean;
  readonly response: ServerResponse;
}

export function createDaemonSets(): DaemonSets {
  const present = new Map<string, Entry>();
  const journal: Entry[] = [];
  const watchers = new Set<Watcher>();
  const asked: string[] = [];
  let version = 100;
  let fault: Exclude<ApiFault, { kind: "expire" }> | undefined;

  const record = (type: Entry["type"], name: string, isLeaving: boolean): Entry => {
    const entry = { type, version: ++version, name, isLeaving };
    journal.push(entry);
    for (const watcher of watchers) send(watcher, entry);
    return entry;
  };

  const list = (name: string, isPartial: boolean, response: ServerResponse): void => {
    const entry = present.get(name);
    const items = entry === undefined ? [] : [objectOf(entry, isPartial)];
    const metadata = { resourceVersion: String(version) };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ kind: isPartial ? "PartialObjectMetadataList" : "DaemonSetList", metadata, items }),
    );
  };

  const watch = (from: number, watcher: Watcher): void => {
    const { response } = watcher;
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const entry of journal.filter((candidate) => candidate.version > from)) send(watcher, entry);
    watchers.add(watcher);
    response.once("close", () => watchers.delete(watcher));
  };

  return {
    asked,
    put(name, { isLeaving } = { isLeaving: false }) {
      present.set(name, record(present.has(name) ? "MODIFIED" : "ADDED", name, isLeaving));
    },
    remove(name) {
      if (present.delete(name)) record("DELETED", name, false);
    },
    setFault(wanted) {
      fault = wanted;
    },
    watchers: () => watchers.size,
    endWatches() {
      for (const { response } of watchers) response.end();
    },
    serve(url, request, response) {
      const [, name = ""] = /^metadata\.name=(.+)$/.exec(url.searchParams.get("fieldSelector") ?? "") ?? [];
      asked.push(name);
      if (fault !== undefined) return misbehave(fault, request, response);
      // A role with resourceNames allows no more than this.
      if (name === "")
        return sendStatus(response, {
          code: 403,
          reason: "Forbidden",
          message: "daemonsets.apps is forbidden",
        });
      const isPartial =
        request.headers.accept?.startsWith("application/json;as=PartialObjectMetadata") === true;
      if (url.searchParams.get("watch") !== "true") return list(name, isPartial, response);
      return watch(Number(url.searchParams.get("resourceVersion")), { name, isPartial, response });
    },
  };
}

function send({ name, isPartial, response }: Watcher, entry: Entry): void {
  if (entry.name !== name) return;
  response.write(`${JSON.stringify({ type: entry.type, object: objectOf(entry, isPartial) })}\n`);
}

function objectOf({ name, version, isLeaving }: Entry, isPartial: boolean): object {
  const deletion = isLeaving ? { deletionTimestamp: "2026-01-02T03:04:05Z" } : {};
  const metadata = { name, resourceVersion: String(version), ...deletion };
  return isPartial
    ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata }
    : { kind: "DaemonSet", apiVersion: "apps/v1", metadata, spec: {}, status: {} };
}
