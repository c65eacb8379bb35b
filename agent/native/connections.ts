import { constants } from "node:os";
import { type Addon, UV_READABLE, UV_WRITABLE } from "./addon.ts";
import {
  type Connection,
  type ConnectionTable,
  createConnectionTable,
  type ListenHandlers,
  NO_POLL,
  type Open,
} from "./connection-table.ts";
import { keepFrame, receiveFrame } from "./incoming-frame.ts";
import { errorCode } from "./system-error.ts";

export interface Connections {
  /** Takes over a connected non-blocking socket. */
  add(fd: number, handlers: ListenHandlers): void;
  reply(id: Connection, bytes: Uint8Array): void;
  /** Looks now: what the event loop has not told yet counts, too. */
  isGone(id: Connection): boolean;
  drop(id: Connection): void;
  /** Undefined: it has closed. */
  descriptorOf(id: Connection): number | undefined;
  count(): number;
  /**
   * As many requests are being served as there should be descriptors for: see MAX_SERVED of
   * connection-table.ts.
   */
  isFull(): boolean;
  /** Calls `work` once, as soon as a request has ended. */
  onceRoom(work: () => void): void;
  /** Resolves when no connection is open any more. */
  whenIdle(): Promise<void>;
}

const { EAGAIN, EINTR } = constants.errno;

/** What is read when only the end is expected. */
const PROBE = Buffer.alloc(1);

interface Server {
  readonly addon: Addon;
  readonly table: ConnectionTable;
  readonly peerTimeoutMs: number;
}

/**
 * Reads one request per connection and writes its reply. A peer has `peerTimeoutMs` to send its frame, and as
 * long to read its reply. The client must not shut down its sending side: the end of the stream means that it
 * is gone.
 */
export function createConnections(addon: Addon, peerTimeoutMs: number): Connections {
  const table = createConnectionTable(addon);
  const server: Server = { addon, table, peerTimeoutMs };
  return {
    add(fd, handlers) {
      // A shim writes its frame right after it has connected: mostly it is there.
      readFrame(server, table.open(fd, handlers));
    },
    reply(id, bytes) {
      const connection = table.get(id);
      if (connection?.phase !== "serving") return;
      connection.phase = "writing";
      connection.reply = bytes;
      addon.unpoll(connection.poll);
      connection.poll = NO_POLL;
      writeReply(server, connection);
    },
    isGone(id) {
      const connection = table.get(id);
      if (connection?.phase === "serving") readEnd(server, connection);
      return table.get(id) === undefined;
    },
    drop(id) {
      const connection = table.get(id);
      if (connection !== undefined) table.close(connection);
    },
    descriptorOf: (id) => table.get(id)?.fd,
    count: table.count,
    isFull: table.isFull,
    onceRoom: table.onceRoom,
    whenIdle: table.whenIdle,
  };
}

function refuse({ table }: Server, connection: Open, reason: string): void {
  const { phase, handlers, id } = connection;
  table.close(connection);
  handlers.onRefused(reason);
  if (phase === "serving") handlers.onGone?.(id);
}

function startTimer(server: Server, connection: Open, reason: string): void {
  clearTimeout(connection.timer);
  connection.timer = setTimeout(() => refuse(server, connection, reason), server.peerTimeoutMs);
}

function awaitInput(server: Server, connection: Open): void {
  if (connection.poll !== NO_POLL) return;
  connection.poll = server.addon.poll(connection.fd, UV_READABLE, () => {
    if (connection.phase === "reading") readFrame(server, connection);
    else readEnd(server, connection);
  });
  if (connection.poll < 0) refuse(server, connection, `poll: ${errorCode(connection.poll)}`);
}

function readFrame(server: Server, connection: Open): void {
  const arrival = receiveFrame(server.addon, connection.fd, connection.frame);
  if (arrival === "partial") awaitRest(server, connection);
  else if (arrival === "whole") deliver(server, connection);
  else if (arrival === "silent") server.table.close(connection);
  else refuse(server, connection, arrival.fault);
}

/** Keeps what has arrived, until there is more. */
function awaitRest(server: Server, connection: Open): void {
  const { table, peerTimeoutMs } = server;
  keepFrame(connection.frame, table.scratch);
  if (connection.timer === undefined)
    startTimer(server, connection, `no whole frame within ${peerTimeoutMs} ms`);
  awaitInput(server, connection);
}

function deliver(server: Server, connection: Open): void {
  const { table } = server;
  const { id, handlers, frame } = connection;
  clearTimeout(connection.timer);
  table.serve(connection);
  // Once the request is on its way: until then nobody acts on an end.
  setImmediate(() => {
    if (connection.phase === "serving" && table.get(id) === connection) awaitInput(server, connection);
  });
  const { fds } = frame;
  frame.fds = [];
  handlers.onRequest(id, frame.buffer.subarray(0, frame.length), fds);
}

/** While its request is served a peer sends nothing: what comes is the end. */
function readEnd(server: Server, connection: Open): void {
  const size = server.addon.receive(connection.fd, PROBE, connection.frame.fds);
  if (size === -EAGAIN || size === -EINTR) return;
  if (size > 0) {
    refuse(server, connection, "bytes after the frame");
  } else {
    server.table.close(connection);
    connection.handlers.onGone?.(connection.id);
  }
}

function writeReply(server: Server, connection: Open): void {
  const { addon, table } = server;
  while (connection.reply.length > 0) {
    const size = addon.send(connection.fd, connection.reply);
    if (size >= 0) connection.reply = connection.reply.subarray(size);
    else if (size === -EAGAIN) return awaitRoom(server, connection);
    else if (size !== -EINTR) break; // the peer is gone: nobody is left to tell
  }
  table.close(connection);
}

function awaitRoom(server: Server, connection: Open): void {
  if (connection.poll !== NO_POLL) return;
  connection.reply = Buffer.from(connection.reply);
  connection.poll = server.addon.poll(connection.fd, UV_WRITABLE, () => writeReply(server, connection));
  startTimer(server, connection, `reply not read within ${server.peerTimeoutMs} ms`);
}
