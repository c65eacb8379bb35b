import type { IncomingMessage } from "node:http";
import { DAEMON_SETS, DEFINITIONS, parseResourcePath, type ResourcePath } from "./resources/resource.ts";
import type { ReadVerb } from "./resources/resource-server.ts";
import { EVENTS_PATH, NODE_PATH, STATUS_PATH } from "./writes.ts";

/** "stream" is a watch that begins with all objects. */
export type ApiVerb = ReadVerb | "create" | "patch" | "apply";

export interface SeenRequest {
  readonly verb: ApiVerb | "other";
  readonly path: string;
  /** The collection that is read; undefined for all other requests. */
  readonly collection: ResourcePath | undefined;
  readonly query: Readonly<Record<string, string>>;
  /** Only metadata is wanted. */
  readonly isPartial: boolean;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
}

export function readRequest({ method, url: target = "/", headers }: IncomingMessage): SeenRequest {
  const url = new URL(target, "http://server");
  const { authorization, accept, "user-agent": userAgent } = headers;
  return {
    verb: verbOf(method, url),
    path: url.pathname,
    collection: method === "GET" ? parseResourcePath(url.pathname) : undefined,
    query: Object.fromEntries(url.searchParams),
    isPartial: accept?.startsWith("application/json;as=PartialObjectMetadata") === true,
    authorization,
    userAgent,
  };
}

/** A role with resourceNames allows no more than to ask for the one object. */
export function isWiderThanAllowed({ collection, query }: SeenRequest): boolean {
  const isNarrow = collection?.plural === DAEMON_SETS.plural || collection?.plural === DEFINITIONS.plural;
  return isNarrow && !/^metadata\.name=./.test(query["fieldSelector"] ?? "");
}

/** Names of DaemonSets that were asked for, one for each request. */
export function namesAsked(requests: readonly SeenRequest[]): readonly string[] {
  return requests
    .filter(({ collection }) => collection?.plural === DAEMON_SETS.plural)
    .map(({ query }) => (query["fieldSelector"] ?? "").replace("metadata.name=", ""));
}

function verbOf(method: string | undefined, { pathname, searchParams }: URL): SeenRequest["verb"] {
  if (method === "POST" && pathname === EVENTS_PATH) return "create";
  if (method === "PATCH" && STATUS_PATH.test(pathname)) return "patch";
  if (method === "PATCH" && NODE_PATH.test(pathname)) return "apply";
  if (method !== "GET" || parseResourcePath(pathname) === undefined) return "other";
  if (!["true", "1"].includes(searchParams.get("watch") ?? "")) return "list";
  return searchParams.get("sendInitialEvents") === "true" ? "stream" : "watch";
}
