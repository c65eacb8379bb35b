import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type ApiFault, misbehave, sendStatus, statusObject } from "./api-faults.ts";
import { createDaemonSets, DAEMON_SETS_PATH, type DaemonSets } from "./daemon-sets.ts";
import { eventFault } from "./event-rules.ts";
import { createNodeStore, type JournalEntry, type NodeStore, type StoredNode } from "./node-store.ts";

export type ApiVerb = "list" | "watch" | "create" | "patch";

export interface SeenRequest {
  readonly verb: ApiVerb | "other";
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
}

export interface ApiServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Port to listen on; 0 takes a free one. */
  readonly port?: number;
  /** How a version that is too old is refused: real servers do both. */
  readonly goneBy?: "status" | "event";
  /** Like the cache of old API servers, which answers with everything. */
  readonly ignoresLimit?: boolean;
  /** Interval of bookmarks; without it they are sent by {@link ApiServer.sendBookmarks} only. */
  readonly bookmarkMs?: number;
}

/** A local Kubernetes API server for Nodes, Events and DaemonSets: real HTTP, real list and watch semantics, faults on demand. */
export interface ApiServer {
  readonly url: string;
  readonly store: NodeStore;
  readonly daemonSets: DaemonSets;
  /** All requests so far. */
  readonly requests: readonly SeenRequest[];
  /** Bodies of events that were accepted. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  /** Accepted patches of the status of nodes, by the name of the node. */
  readonly patches: readonly { readonly node: string; readonly body: unknown }[];
  /** Sets what goes wrong with a verb; undefined ends it. */
  setFault(verb: ApiVerb, fault: ApiFault | undefined): void;
  /** Refuses all other tokens with 401; undefined lets everybody in. */
  requireToken(token: string | undefined): void;
  watchers(): number;
  sendBookmarks(): void;
  /** Bytes to all watchers, whatever they may be. */
  sendRaw(text: string): void;
  /** "cut" resets the connections of all watchers, "end" ends their answers cleanly. */
  endWatches(how: "cut" | "end"): void;
  close(): Promise<void>;
}

/** Version and time of the snapshot that the pages of one list are cut from. */
interface Snapshot {
  readonly nodes: readonly StoredNode[];
  readonly version: number;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly bookmarks: boolean;
  /** Stops sending. */
  forget: () => void;
}

const NODES_PATH = "/api/v1/nodes";
const STATUS_PATH = /^\/api\/v1\/nodes\/([^/]+)\/status$/;
const EVENTS_PATH = "/apis/events.k8s.io/v1/namespaces/default/events";
const GONE = { code: 410, reason: "Expired", message: "too old resource version" };

export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { tls, port = 0, goneBy = "event", ignoresLimit = false, bookmarkMs } = options;
  const store = createNodeStore();
  const daemonSets = createDaemonSets();
  const requests: SeenRequest[] = [];
  const events: Readonly<Record<string, unknown>>[] = [];
  const patches: { node: string; body: unknown }[] = [];
  const faults = new Map<ApiVerb, ApiFault>();
  const snapshots = new Map<string, Snapshot>();
  const watchers = new Set<Watcher>();
  const sockets = new Set<Socket>();
  let token: string | undefined;
  let snapshotCount = 0;

  const handle: RequestListener = (request, response) => {
    const url = new URL(request.url ?? "/", "http://server");
    const query = Object.fromEntries(url.searchParams);
    const verb = verbOf(request.method, url);
    const { authorization, "user-agent": userAgent } = request.headers;
    requests.push({ verb, query, authorization, userAgent });
    if (token !== undefined && authorization !== `Bearer ${token}`)
      return sendStatus(response, { code: 401, reason: "Unauthorized", message: "Unauthorized" });
    if (DAEMON_SETS_PATH.test(url.pathname)) return daemonSets.serve(url, request, response);
    if (verb === "other")
      return sendStatus(response, { code: 404, reason: "NotFound", message: `no such path ${url.pathname}` });
    const fault = faults.get(verb);
    if (fault !== undefined && fault.kind !== "expire") return misbehave(fault, request, response);
    if (verb === "list") return list(query, response);
    if (verb === "watch") return watch(query, response);
    if (verb === "patch") return void patchStatus(url, request, response);
    return void createEvent(request, response);
  };

  function list(query: Readonly<Record<string, string>>, response: ServerResponse): void {
    const [id = "", offset = "0"] = (query["continue"] ?? "").split(":");
    const known = snapshots.get(id);
    if (id !== "" && (known === undefined || faults.get("list")?.kind === "expire"))
      return sendStatus(response, { ...GONE, message: "The provided continue parameter is too old" });
    const snapshot = known ?? { nodes: store.list(), version: store.version() };
    const start = Number(offset);
    const limit = ignoresLimit ? 0 : Number(query["limit"] ?? 0);
    const page = snapshot.nodes.slice(start, limit === 0 ? undefined : start + limit);
    const left = snapshot.nodes.length - start - page.length;
    const nextId = id === "" ? `c${++snapshotCount}` : id;
    if (left > 0) snapshots.set(nextId, snapshot);
    const metadata = {
      resourceVersion: String(snapshot.version),
      ...(left > 0 ? { continue: `${nextId}:${start + page.length}`, remainingItemCount: left } : {}),
    };
    response.writeHead(200, { "content-type": "application/json" });
    response.write(`{"kind":"NodeList","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[`);
    for (const [index, { json }] of page.entries()) {
      if (index > 0) response.write(",");
      response.write(json);
    }
    response.end("]}\n");
  }

  function watch(query: Readonly<Record<string, string>>, response: ServerResponse): void {
    const from = Number(query["resourceVersion"] ?? 0);
    const missed = from === 0 ? [] : store.since(from);
    if (missed === undefined && goneBy === "status") return sendStatus(response, GONE);
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (missed === undefined) {
      response.end(watchLine("ERROR", JSON.stringify(statusObject(GONE))));
      return;
    }
    const sendEntry = ({ type, json }: JournalEntry): void => {
      response.write(watchLine(type, nodeJson(json)));
    };
    if (from === 0) for (const { json } of store.list()) response.write(watchLine("ADDED", nodeJson(json)));
    for (const entry of missed) sendEntry(entry);
    const bookmarks = query["allowWatchBookmarks"] === "true";
    const watcher: Watcher = { response, bookmarks, forget: () => undefined };
    watchers.add(watcher);
    const stop = store.listen(sendEntry);
    const timeoutS = Number(query["timeoutSeconds"] ?? 1800);
    const timer = setTimeout(() => endWatch(watcher, "end"), timeoutS * 1000);
    watcher.forget = () => {
      clearTimeout(timer);
      stop();
      watchers.delete(watcher);
    };
    response.once("close", watcher.forget);
  }

  function sendBookmarks(): void {
    const metadata = { resourceVersion: String(store.version()), creationTimestamp: null };
    const object = JSON.stringify({ kind: "Node", apiVersion: "v1", metadata, spec: {}, status: {} });
    for (const { response, bookmarks } of watchers)
      if (bookmarks) response.write(watchLine("BOOKMARK", object));
  }

  async function createEvent(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await readBody(request)) as Readonly<Record<string, unknown>>;
    const message = eventFault(body);
    if (message !== undefined) return sendStatus(response, { code: 422, reason: "Invalid", message });
    events.push(body);
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  }

  async function patchStatus(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const node = STATUS_PATH.exec(url.pathname)?.[1] ?? "";
    if (store.list().every(({ name }) => name !== node))
      return sendStatus(response, { code: 404, reason: "NotFound", message: `nodes "${node}" not found` });
    const type = request.headers["content-type"];
    if (type !== "application/strategic-merge-patch+json")
      return sendStatus(response, { code: 415, reason: "UnsupportedMediaType", message: `type ${type}` });
    patches.push({ node, body: await readBody(request) });
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ kind: "Node" }));
  }

  const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  const bookmarkTimer = bookmarkMs === undefined ? undefined : setInterval(sendBookmarks, bookmarkMs);
  const { port: boundPort } = server.address() as AddressInfo;

  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${boundPort}`,
    store,
    daemonSets,
    requests,
    events,
    patches,
    setFault(verb, fault) {
      if (fault === undefined) faults.delete(verb);
      else faults.set(verb, fault);
    },
    requireToken(wanted) {
      token = wanted;
    },
    watchers: () => watchers.size,
    sendBookmarks,
    sendRaw(text) {
      for (const { response } of watchers) response.write(text);
    },
    endWatches(how) {
      for (const watcher of watchers) endWatch(watcher, how);
    },
    async close() {
      clearInterval(bookmarkTimer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function endWatch({ response, forget }: Watcher, how: "cut" | "end"): void {
  forget(); // nothing may be written after the end
  if (how === "end") response.end();
  else response.socket?.resetAndDestroy();
}

async function readBody(request: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

function verbOf(method: string | undefined, url: URL): SeenRequest["verb"] {
  if (method === "POST" && url.pathname === EVENTS_PATH) return "create";
  if (method === "PATCH" && STATUS_PATH.test(url.pathname)) return "patch";
  if (method !== "GET" || url.pathname !== NODES_PATH) return "other";
  return ["true", "1"].includes(url.searchParams.get("watch") ?? "") ? "watch" : "list";
}

/** Objects of a watch say what they are; those in a list do not. */
function nodeJson(json: Buffer): string {
  return `{"kind":"Node","apiVersion":"v1",${json.toString("utf8").slice(1)}`;
}

function watchLine(type: string, object: string): string {
  return `{"type":"${type}","object":${object}}\n`;
}
