import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection, ListenHandlers } from "../connection-table.ts";
import type { Listener } from "../listener.ts";

/** What tests of the listener need of `Native`. */
export interface Listening {
  listen(path: string, handlers: ListenHandlers): Listener;
  reply(connection: Connection, bytes: Uint8Array): void;
  drop(connection: Connection): void;
  close(fd: number): void;
}

export interface Request {
  readonly connection: Connection;
  readonly frame: Buffer;
  readonly fds: number[];
}

/** A listener and what it has reported so far. */
export interface Served {
  readonly path: string;
  readonly listener: Listener;
  readonly requests: Request[];
  readonly gone: Connection[];
  readonly refused: string[];
}

export interface ServeOptions {
  readonly path?: string;
  /** What is replied at once; by default nothing, ever. */
  readonly reply?: (request: Request) => Buffer;
}

/** A place for sockets; remove it at the end. */
export function makeFolder(): { newPath: () => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "native-"));
  let count = 0;
  return {
    newPath() {
      count += 1;
      return join(folder, `s${count}`);
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/**
 * Listens and keeps what is reported; stops, and closes all requests and their descriptors, when the test is
 * done with it.
 */
export async function serve(
  on: Listening,
  { path, reply }: ServeOptions & { readonly path: string },
  use: (served: Served) => Promise<void>,
): Promise<void> {
  const requests: Request[] = [];
  const gone: Connection[] = [];
  const refused: string[] = [];
  const listener = on.listen(path, {
    onRequest(connection, frame, fds) {
      // The frame is valid during the call only.
      const request = { connection, frame: Buffer.from(frame), fds };
      requests.push(request);
      if (reply !== undefined) on.reply(connection, reply(request));
    },
    onGone: (connection) => gone.push(connection),
    onRefused: (reason) => refused.push(reason),
  });
  try {
    await use({ path, listener, requests, gone, refused });
  } finally {
    listener.stop();
    for (const { connection, fds } of requests) {
      on.drop(connection);
      for (const fd of fds) on.close(fd);
    }
  }
}

/** The first 8 bytes of a frame. */
export function header(length: number): Buffer {
  const bytes = Buffer.from("CWAY....");
  bytes.writeUInt32BE(length, 4);
  return bytes;
}

export function frameOf(body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([header(bytes.length), bytes]);
}

/** Replies with the body of the frame. */
export function echo({ frame }: Request): Buffer {
  return frame.subarray(8);
}

/** A client that keeps its side open, as the shim does. */
export async function client(path: string, ...parts: readonly Buffer[]): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.on("error", () => undefined); // a refused connection may end with ECONNRESET
  await once(socket, "connect");
  for (const part of parts) {
    socket.write(part);
    await new Promise(setImmediate);
  }
  return socket;
}

/** Everything that comes until the server closes; undefined when it cut the connection off. */
export async function answerOf(socket: Socket): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = once(socket, "close");
  socket.on("end", () => socket.end());
  await closed;
  return socket.errored === null ? Buffer.concat(chunks).toString() : undefined;
}
