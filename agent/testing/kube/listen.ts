import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface ListenOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Port to listen on; 0 takes a free one. */
  readonly port?: number;
}

export interface Listening {
  readonly url: string;
  /** Ends all connections, too. */
  close(): Promise<void>;
}

/** Serves HTTP, or HTTPS with a certificate, on the loopback address. */
export async function listen(handle: RequestListener, { tls, port = 0 }: ListenOptions): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  const { port: boundPort } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${boundPort}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
