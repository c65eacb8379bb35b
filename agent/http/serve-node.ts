import type { Clock } from "../lib/clock.ts";
import type { Config } from "../settings/config.ts";
import type { Addon } from "../native/addon.ts";
import { isLoopback } from "../net/address.ts";
import type { ListenAddress } from "../settings/schemas.ts";
import type { Readiness, HttpPart } from "../lib/readiness.ts";
import type { HttpLimits } from "./server/admission.ts";
import type { Handler } from "./server/answer.ts";
import { startHttpServer } from "./server/http-server.ts";
import { keepListening } from "./server/keep-listening.ts";

type Routes = Readonly<Record<string, Handler>>;

export interface ServeNodeInput {
  readonly addon: Addon;
  readonly config: Pick<Config, "http" | "probes" | "httpPage" | "httpHosts" | "nodeName">;
  readonly clock: Pick<Clock, "after">;
  readonly readiness: Pick<Readiness, "warn">;
  /** For machines: served everywhere. */
  readonly routes: Routes;
  /** For people, at a loopback address: for programs of the node alone. */
  readonly localPages: Routes;
  /** For people, where the configuration has pages served to all that reach the node. */
  readonly openPages: Routes;
  /** Addresses of the node, canonical. */
  readonly addresses: () => readonly string[];
}

/** Whoever reaches the node: some scrapers and people. Measured in docs/benchmarks.md. */
const NODE_LIMITS: HttpLimits = {
  open: 64,
  openPerPeer: 8,
  gapMs: 16,
  deadlineMs: 5000,
};

/** Programs of the node, all of which have one address. */
const LOOPBACK_LIMITS: HttpLimits = {
  ...NODE_LIMITS,
  openPerPeer: 64,
  gapMs: 3,
};

/**
 * Serves HTTP at the node's address, and at a loopback address for the kubelet's probes and what is not for
 * everybody.
 */
export function serveNode(input: ServeNodeInput): {
  /** What is listened on; undefined what somebody else has. */
  ports(): Readonly<Record<HttpPart, number | undefined>>;
  close(): void;
} {
  const { addon, config, clock, readiness, routes, localPages, openPages, addresses } = input;
  const hosts = { added: [config.nodeName, ...config.httpHosts], addresses };
  const listen = (part: HttpPart, address: ListenAddress, served: Routes) => {
    const limits = isLoopback(address.address) ? LOOPBACK_LIMITS : NODE_LIMITS;
    return keepListening({
      start: () => startHttpServer({ addon, listen: address, limits, hosts, routes: served }),
      clock,
      onFault: (reason) => readiness.warn(part, reason),
    });
  };
  const pagesAt = ({ address }: ListenAddress): Routes => {
    if (isLoopback(address)) return localPages;
    return config.httpPage === "node" ? openPages : {};
  };
  const probes = listen("probes", config.probes, { ...localPages, ...routes });
  const http = listen("http", config.http, { ...pagesAt(config.http), ...routes });
  return {
    ports: () => ({ http: http.port(), probes: probes.port() }),
    close() {
      http.close();
      probes.close();
    },
  };
}
