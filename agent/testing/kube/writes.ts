import type { IncomingMessage, ServerResponse } from "node:http";
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
}

export const STATUS_PATH = /^\/api\/v1\/nodes\/([^/]+)\/status$/;
export const EVENTS_PATH = "/apis/events.k8s.io/v1/namespaces/default/events";

export function createWrites(nodes: ObjectStore): Writes {
  const events: Readonly<Record<string, unknown>>[] = [];
  const patches: { node: string; body: unknown }[] = [];
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
  };
}

async function readBody(request: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
