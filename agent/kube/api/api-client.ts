import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, STATUS_CODES } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { parseAddress } from "../../net/address.ts";
import { asApiError, garbageError, statusError } from "./api-error.ts";
import type { Credentials } from "./credentials.ts";
import { tryParseJson } from "../../lib/json.ts";

export interface ApiRequest {
  /** PATCH is a strategic merge patch, APPLY a server-side apply. */
  readonly method: "GET" | "POST" | "PATCH" | "APPLY";
  /** Below the server's base URL, beginning with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Form of the answer, where another JSON than the ordinary one is wanted. */
  readonly accept?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Ends the request and its answer; every wait needs one, as a server may never answer. */
  readonly signal: AbortSignal;
}

/** Requests to the Kubernetes API with the agent's credentials. Answers stream: none is held in memory. */
export interface ApiClient {
  /** The body of a 2xx answer in JSON. All else throws ApiError, whose message is the cause only. */
  send(request: ApiRequest): Promise<AsyncIterable<Buffer>>;
  /** Address that the last answer came from, a proxy's where there is one; undefined before the first. */
  server(): string | undefined;
  /** Ends all connections. */
  close(): void;
}

export interface ApiClientOptions {
  readonly credentials: Credentials;
  /** `causeway/VERSION`, for the API server's audit log. */
  readonly userAgent: string;
}

const CONTENT_TYPES: Readonly<Record<ApiRequest["method"], string>> = {
  GET: "application/json",
  POST: "application/json",
  PATCH: "application/strategic-merge-patch+json",
  // JSON is YAML, too; the type with "+json" in its place is not known to all servers.
  APPLY: "application/apply-patch+yaml",
};

/**
 * Idle connections are probed this often, so that a dead peer is noticed and load balancers keep the entry.
 */
const TCP_PROBE_MS = 30_000;
/** How much of an error's body is read for its message. */
const MAX_ERROR_BYTES = 65_536;
/** More than this is not waited for, whatever the server says. */
const MAX_RETRY_AFTER_S = 300;

export function createApiClient({ credentials, userAgent }: ApiClientOptions): ApiClient {
  // client-node's own agent keeps the CA and certificate of its first use; here they go with each request, so
  // rotation works.
  const agents = {
    http: new HttpAgent({ keepAlive: true, keepAliveMsecs: TCP_PROBE_MS }),
    https: new HttpsAgent({ keepAlive: true, keepAliveMsecs: TCP_PROBE_MS }),
  };

  let server: string | undefined;

  return {
    async send(request) {
      try {
        const response = await open(request, { credentials, userAgent, agents });
        server = parseAddress(response.socket.remoteAddress ?? "") ?? server;
        // Readers get errors through their iterator; one that comes between two readers must not end the
        // process.
        response.on("error", () => undefined);
        const status = response.statusCode ?? 0;
        if (status < 200 || status > 299) throw await readError(response, status);
        const type = response.headers["content-type"] ?? "";
        if (!type.startsWith("application/json")) {
          response.destroy();
          throw garbageError(`the answer is "${type}" instead of JSON: is this a Kubernetes API server?`);
        }
        return response;
      } catch (error) {
        const apiError = asApiError(error);
        // No answer, or not let in: certificates, token or the server's address may have changed on disk.
        if (apiError.status === undefined || apiError.status === 401) credentials.forget();
        throw apiError;
      }
    },
    server: () => server,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

interface Opener extends ApiClientOptions {
  readonly agents: { readonly http: HttpAgent; readonly https: HttpsAgent };
}

/** Sends a request and gives the answer once its head has come. */
async function open(
  { method, path, query, accept = "application/json", body, signal }: ApiRequest,
  { credentials, userAgent, agents }: Opener,
): Promise<IncomingMessage> {
  const { server: base, headers, tls, proxyAgent } = await credentials.forRequest();
  const url = new URL(base + path);
  for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const isTls = url.protocol === "https:";
  const options = {
    ...tls,
    method: method === "APPLY" ? "PATCH" : method,
    signal,
    agent: proxyAgent ?? (isTls ? agents.https : agents.http),
    headers: {
      ...headers,
      accept,
      "user-agent": userAgent,
      ...(payload === undefined ? {} : { "content-type": CONTENT_TYPES[method] }),
    },
  };
  const message = (isTls ? httpsRequest : httpRequest)(url, options);
  return new Promise((resolve, reject) => {
    message.once("response", resolve).on("error", reject).end(payload);
  });
}

/** Drains an answer whose content does not matter, so that its connection can serve the next request. */
export async function drain(body: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of body); // nothing to do with the bytes
}

/** Reads a whole answer; throws a SyntaxError if it is not JSON. */
export async function readJson(body: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

async function readError(response: IncomingMessage, status: number): Promise<Error> {
  const text = await readStart(response, MAX_ERROR_BYTES);
  const seconds = Number(response.headers["retry-after"]);
  // A proxy's HTML page, say, is not JSON: the status alone has to do.
  return statusError(tryParseJson(text), {
    status,
    text: STATUS_CODES[status] ?? "unknown status",
    retryAfterMs: seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER_S) * 1000 : undefined,
  });
}

async function readStart(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) break; // leaving the loop destroys the connection
  }
  return Buffer.concat(chunks).toString("utf8");
}
