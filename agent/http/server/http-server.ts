import type { Addon } from "../../native/addon.ts";
import type { ListenAddress } from "../../settings/schemas.ts";
import { startAcceptor } from "./acceptor.ts";
import { createAdmission, type HttpLimits } from "./admission.ts";
import { answerRequest, type Site } from "./answer-request.ts";
import { createExchange, type Exchange } from "./exchange.ts";
import { endOf, listenTcp } from "./tcp-socket.ts";

export interface HttpServerInput extends Site {
  readonly addon: Addon;
  readonly listen: ListenAddress;
  readonly limits: HttpLimits;
}

export interface HttpServer {
  /** The port, also where the configuration says 0. */
  readonly port: number;
  close(): void;
}

/**
 * Serves one request a connection, as much of HTTP/1.1 as that needs. Connections, requests, sizes and times
 * are bounded, so that it takes a small share of the event loop, whoever asks how often. Throws `SystemError`
 * where it cannot listen.
 */
export function startHttpServer({ addon, listen, limits, ...site }: HttpServerInput): HttpServer {
  const socket = listenTcp(addon, listen);
  const admission = createAdmission(limits);
  /** The oldest first. */
  const open = new Set<Exchange>();

  const acceptor = startAcceptor({
    addon,
    fd: socket.fd,
    admission,
    gapMs: limits.gapMs,
    onConnection(fd, peer) {
      const [oldest] = open;
      if (open.size >= limits.open) oldest?.end();
      const local = endOf(fd, addon.ownAddress)?.address ?? "";
      const exchange: Exchange = createExchange({
        addon,
        fd,
        deadlineMs: limits.deadlineMs,
        answer: (head) => answerRequest(site, head, local),
        onEnd() {
          open.delete(exchange);
          admission.left(peer);
        },
      });
      open.add(exchange);
      exchange.start();
    },
  });

  return {
    port: socket.port,
    close() {
      acceptor.stop();
      for (const exchange of open) exchange.end();
      addon.close(socket.fd);
    },
  };
}
