import type { IncomingMessage, ServerResponse } from "node:http";
import type { JsonObject } from "../../lib/json.ts";
import { sendStatus } from "./api-faults.ts";
import { eventFault } from "./event-rules.ts";
import type { ObjectStore } from "./resources/object-store.ts";

/** What agents have written. */
export interface Writes {
  /** Bodies of events that were accepted. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  /** Accepted patches of the status of nodes, by the name of the node. */
  readonly patches: readonly { readonly node: string; readonly body: unknown }[];
  createEvent(request: IncomingMessage, response: ServerResponse): Promise<void>;
  patchStatus(path: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Server-side apply of a Node's annotations. */
  applyNode(seen: Applied, request: IncomingMessage, response: ServerResponse): Promise<void>;
}

interface Applied {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

export const NODE_PATH = /^\/api\/v1\/nodes\/([^/]+)$/;
export const STATUS_PATH = /^\/api\/v1\/nodes\/([^/]+)\/status$/;
export const EVENTS_PATH = "/apis/events.k8s.io/v1/namespaces/default/events";

export function createWrites(nodes: ObjectStore): Writes {
  const events: Readonly<Record<string, unknown>>[] = [];
  const patches: { node: string; body: unknown }[] = [];
  const applyAnnotations = createAnnotationApply(nodes);
  return {
    events,
    patches,
    async createEvent(request, response) {
      const body = (await readBody(request)) as Readonly<Record<string, unknown>>;
      const message = eventFault(body);
      if (message !== undefined) return sendStatus(response, { code: 422, reason: "Invalid", message });
      events.push(body);
      response.writeHead(201, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    },
    async patchStatus(path, request, response) {
      const node = STATUS_PATH.exec(path)?.[1] ?? "";
      if (nodes.list().every(({ key }) => key !== node))
        return sendStatus(response, { code: 404, reason: "NotFound", message: `nodes "${node}" not found` });
      const type = request.headers["content-type"];
      if (type !== "application/strategic-merge-patch+json")
        return sendStatus(response, { code: 415, reason: "UnsupportedMediaType", message: `type ${type}` });
      patches.push({ node, body: await readBody(request) });
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ kind: "Node" }));
    },
    async applyNode({ path, query }, request, response) {
      const type = request.headers["content-type"];
      if (type !== "application/apply-patch+yaml")
        return sendStatus(response, { code: 415, reason: "UnsupportedMediaType", message: `type ${type}` });
      const { fieldManager = "" } = query;
      if (fieldManager === "")
        return sendStatus(response, { code: 400, reason: "BadRequest", message: "fieldManager is required" });
      const body = (await readBody(request)) as AppliedNode;
      const conflict = applyAnnotations(NODE_PATH.exec(path)?.[1] ?? "", fieldManager, body);
      if (conflict !== undefined)
        return sendStatus(response, { code: 409, reason: "Conflict", message: conflict });
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    },
  };
}

interface AppliedNode {
  readonly metadata: { readonly uid?: string; readonly annotations?: Readonly<Record<string, string>> };
}

/**
 * Annotations that a manager applied before and applies no more go; those of others stay. Answers the
 * conflict, if there is one.
 */
function createAnnotationApply(nodes: ObjectStore) {
  const owned = new Map<string, readonly string[]>();
  return (name: string, manager: string, { metadata }: AppliedNode): string | undefined => {
    const stored = nodes.list().find(({ key }) => key === name);
    if (stored === undefined || (metadata.uid ?? stored.uid) !== stored.uid)
      return `Precondition failed: UID in precondition: ${metadata.uid}`;
    const object = JSON.parse(stored.json.toString("utf8")) as JsonObject;
    const before = object["metadata"] as JsonObject;
    const mine = owned.get(`${manager} ${name}`) ?? [];
    const kept = Object.entries((before["annotations"] ?? {}) as JsonObject).filter(
      ([key]) => !mine.includes(key),
    );
    const { annotations = {} } = metadata;
    owned.set(`${manager} ${name}`, Object.keys(annotations));
    nodes.put(name, {
      ...object,
      metadata: { ...before, annotations: { ...Object.fromEntries(kept), ...annotations } },
    });
    return undefined;
  };
}

async function readBody(request: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
