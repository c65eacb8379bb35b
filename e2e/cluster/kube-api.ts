import { Agent, request } from "node:https";

/** The Kubernetes API, by paths such as `/api/v1/nodes`; an answer other than 2xx throws {@link ApiError}. */
export interface KubeApi {
  get<T>(path: string): Promise<T>;
  list<T>(path: string): Promise<readonly T[]>;
  create<T>(path: string, object: object): Promise<T>;
  /** A JSON merge patch. */
  patch<T>(path: string, change: object): Promise<T>;
  /** Of a missing object, succeeds. */
  remove(path: string): Promise<void>;
  /** An answer that is no JSON. */
  text(path: string): Promise<string>;
  close(): void;
}

export class ApiError extends Error {
  readonly status: number;

  constructor(what: string, status: number, body: string) {
    super(`Cannot ${what}: ${status}: ${body.trim()}`);
    this.name = "ApiError";
    this.status = status;
  }
}

export interface KubeApiInput {
  /** Unix socket that leads to the API server. */
  readonly socketPath: string;
  /** PEM of the authority that has signed the certificate of "kubernetes". */
  readonly authority: string;
  readonly token: string;
}

const NO_GRACE = { gracePeriodSeconds: 0, propagationPolicy: "Background" } as const;

export function connectKubeApi({ socketPath, authority, token }: KubeApiInput): KubeApi {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const call = async (method: string, path: string, body?: object): Promise<string> => {
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      const content = body === undefined ? "" : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${token}`,
        host: "kubernetes",
        "content-type": type,
        // Of a DELETE, Node.js does not tell it by itself.
        "content-length": Buffer.byteLength(content),
      };
      const connection = { socketPath, servername: "kubernetes", ca: authority, agent };
      const asked = request({ ...connection, method, path, headers, timeout: 20_000 }, (response) => {
        let answer = "";
        response.setEncoding("utf8").on("data", (part: string) => (answer += part));
        response.once("error", reject);
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text: answer }));
      });
      asked.once("timeout", () => asked.destroy(new Error(`No answer to ${method} ${path} within 20 s`)));
      asked.once("error", reject);
      asked.end(content);
    });
    if (status < 200 || status > 299) throw new ApiError(`${method} ${path}`, status, text);
    return text;
  };
  const json = async <T>(method: string, path: string, body?: object): Promise<T> =>
    JSON.parse(await call(method, path, body)) as T;
  return {
    get: (path) => json("GET", path),
    list: async <T>(path: string) => (await json<{ items: readonly T[] }>("GET", path)).items,
    create: (path, object) => json("POST", path, object),
    patch: (path, change) => json("PATCH", path, change),
    async remove(path) {
      try {
        await call("DELETE", path, NO_GRACE);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      }
    },
    text: (path) => call("GET", path),
    close: () => agent.destroy(),
  };
}
