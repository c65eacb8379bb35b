import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ListenAddress } from "./options.ts";
import { describeSystemError } from "./files.ts";
import type { Metrics } from "./metrics.ts";
import type { Readiness } from "./readiness.ts";

export interface HealthInput {
  readonly listen: ListenAddress;
  readonly readiness: Pick<Readiness, "isReady" | "reasons">;
  readonly metrics: Pick<Metrics, "expose">;
  /** What else is served, by path, to GET and HEAD. */
  readonly pages?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>;
}

export interface HealthServer {
  /** The port, also where the configuration says 0. */
  readonly port: number;
  close(): Promise<void>;
}

/** Serves pages, /metrics, /healthz (the process runs) and /readyz (pods can start; else 503 and the reasons, one a line). */
export async function startHealthServer(input: HealthInput): Promise<HealthServer> {
  const { listen, readiness, metrics, pages = {} } = input;
  const server = createServer((request, response) => {
    // Not by URL, which throws for "//": nobody's request may end the agent.
    const [pathname = ""] = (request.url ?? "/").split("?");
    if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "only GET\n");
    const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
    if (page !== undefined) return page(request, response);
    switch (pathname) {
      case "/healthz":
        return answer(response, 200, "ok\n");
      case "/readyz":
        if (readiness.isReady()) return answer(response, 200, "ok\n");
        return answer(
          response,
          503,
          readiness
            .reasons()
            .map(({ part, reason }) => `${part}: ${reason}\n`)
            .join(""),
        );
      case "/metrics":
        metrics.expose().then(
          ({ contentType, text }) => answer(response, 200, text, contentType),
          (error: unknown) => answer(response, 500, `Cannot collect metrics: ${String(error)}\n`),
        );
        return;
      default:
        return answer(response, 404, "there are /, /report.json, /metrics, /healthz and /readyz\n");
    }
  });
  server.requestTimeout = 5000;
  await listenOn(server, listen);
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : listen.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

async function listenOn(server: Server, { address, port }: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new Error(`Cannot listen on http ${address}:${port}: ${describeSystemError(cause)}`, { cause }));
    });
    server.listen(port, address, resolve);
  });
}
