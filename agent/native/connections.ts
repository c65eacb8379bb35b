import { constants } from "node:os";
import { type Addon, UV_READABLE, UV_WRITABLE } from "./addon.ts";
import { releaseMemory } from "./release-memory.ts";
import { errorCode } from "./system-error.ts";

declare const connectionId: unique symbol;

/** An open connection of a shim. Using one that has closed does nothing. */
export type Connection = number & { readonly [connectionId]: true };

export interface ListenHandlers {
  /**
   * A whole frame, header included, with the descriptors that came with it: they belong to the receiver. Once per connection. The frame is
   * valid during the call only.
   */
  readonly onRequest: (connection: Connection, frame: Buffer, fds: number[]) => void;
  /** The peer hung up before the reply. The connection is closed already. */
  readonly onGone?: (connection: Connection) => void;
  /** A connection was closed because its peer broke the rules or dawdled (onGone follows if it had a request), or none could be accepted. */
  readonly onRefused: (reason: string) => void;
}

export interface Connections {
  /** Takes over a connected non-blocking socket. */
  add(fd: number, handlers: ListenHandlers): void;
  reply(id: Connection, bytes: Uint8Array): void;
  /** Looks now: what the event loop has not told yet counts, too. */
  isGone(id: Connection): boolean;
  drop(id: Connection): void;
  count(): number;
  /** As many requests are being served as there should be descriptors for: see {@link MAX_SERVED}. */
  isFull(): boolean;
  /** Calls `work` once, as soon as a request has ended. */
  onceRoom(work: () => void): void;
  /** Resolves when no connection is open any more. */
  whenIdle(): Promise<void>;
}

/** Of a frame (docs/protocol.md) only the first 8 bytes are known here: magic and big-endian length of the rest. */
const MAGIC = Buffer.from("CWAY");
const HEADER_BYTES = 8;
const MAX_LENGTH = 2 * 1024 * 1024;

/** Nearly all frames of container runtimes fit: those are read once, without memory of their own. */
const SCRATCH_BYTES = 16 * 1024;
const MAX_FDS = 2;

/**
 * Each request holds three descriptors, its connection and the pod's two; a process has 1,024 where nobody has raised the limit. Those beyond
 * wait in the kernel's queue: with no room for the descriptors of a frame they would be lost.
 */
export const MAX_SERVED = 300;

/** The addon counts polls from 1. */
const NO_POLL = 0;

const { EAGAIN, EINTR, EMFILE } = constants.errno;

interface Open {
  readonly id: Connection;
  readonly fd: number;
  readonly handlers: ListenHandlers;
  phase: "reading" | "serving" | "writing";
  poll: number;
  timer: NodeJS.Timeout | undefined;
  /** The memory of all connections, until a part of the frame has to be kept. */
  frame: Buffer;
  /** What is left to send of the reply. */
  reply: Uint8Array;
  /** Bytes of the frame that have arrived. */
  length: number;
  fds: number[];
}

/**
 * Reads one request per connection and writes its reply. A peer has `peerTimeoutMs` to send its frame, and as long to read its reply.
 * The client must not shut down its sending side: the end of the stream means that it is gone.
 */
export function createConnections(addon: Addon, peerTimeoutMs: number): Connections {
  const open = new Map<Connection, Open>();
  const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  const probe = Buffer.alloc(1);
  const waiting: (() => void)[] = [];
  const awaitingRoom: (() => void)[] = [];
  let served = 0;
  let lastId = 0;

  function close(connection: Open): void {
    open.delete(connection.id);
    clearTimeout(connection.timer);
    addon.unpoll(connection.poll);
    addon.close(connection.fd);
    for (const fd of connection.fds) addon.close(fd);
    if (connection.frame !== scratch) releaseMemory(connection.frame);
    if (connection.phase !== "reading") served--;
    if (served < MAX_SERVED) for (const work of awaitingRoom.splice(0)) work();
    if (open.size === 0) for (const wake of waiting.splice(0)) wake();
  }

  function refuse(connection: Open, reason: string): void {
    const { phase, handlers, id } = connection;
    close(connection);
    handlers.onRefused(reason);
    if (phase === "serving") handlers.onGone?.(id);
  }

  function startTimer(connection: Open, reason: string): void {
    clearTimeout(connection.timer);
    connection.timer = setTimeout(() => refuse(connection, reason), peerTimeoutMs);
  }

  function awaitInput(connection: Open): void {
    if (connection.poll !== NO_POLL) return;
    connection.poll = addon.poll(connection.fd, UV_READABLE, () => {
      if (connection.phase === "reading") readFrame(connection);
      else readEnd(connection);
    });
    if (connection.poll < 0) refuse(connection, `poll: ${errorCode(connection.poll)}`);
  }

  function deliver(connection: Open): void {
    awaitInput(connection);
    if (!open.has(connection.id)) return;
    const { id, handlers, frame, length, fds } = connection;
    clearTimeout(connection.timer);
    connection.phase = "serving";
    served++;
    connection.fds = [];
    handlers.onRequest(id, frame.subarray(0, length), fds);
  }

  /** Keeps what has arrived, until there is more. */
  function awaitRest(connection: Open): void {
    if (connection.frame === scratch) {
      connection.frame = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
      scratch.copy(connection.frame, 0, 0, connection.length);
    }
    if (connection.timer === undefined) startTimer(connection, `no whole frame within ${peerTimeoutMs} ms`);
    awaitInput(connection);
  }

  function readFrame(connection: Open): void {
    for (;;) {
      grow(connection);
      const { fd, frame, length, fds } = connection;
      const size = addon.receive(fd, length === 0 ? frame : frame.subarray(length), fds);
      if (size === -EINTR) continue;
      if (size === -EAGAIN) return awaitRest(connection);
      if (size > 0) connection.length += size;
      const fault = faultOf(connection, size);
      if (fault === "silent") close(connection);
      else if (fault !== undefined) refuse(connection, fault);
      else if (connection.length === frameBytes(connection)) deliver(connection);
      else continue;
      return;
    }
  }

  /** While its request is served a peer sends nothing: what comes is the end. */
  function readEnd(connection: Open): void {
    const size = addon.receive(connection.fd, probe, connection.fds);
    if (size === -EAGAIN || size === -EINTR) return;
    if (size > 0) {
      refuse(connection, "bytes after the frame");
    } else {
      close(connection);
      connection.handlers.onGone?.(connection.id);
    }
  }

  function writeReply(connection: Open): void {
    while (connection.reply.length > 0) {
      const size = addon.send(connection.fd, connection.reply);
      if (size >= 0) connection.reply = connection.reply.subarray(size);
      else if (size === -EAGAIN) return awaitRoom(connection);
      else if (size !== -EINTR) break; // the peer is gone: nobody is left to tell
    }
    close(connection);
  }

  function awaitRoom(connection: Open): void {
    if (connection.poll !== NO_POLL) return;
    connection.reply = Buffer.from(connection.reply);
    connection.poll = addon.poll(connection.fd, UV_WRITABLE, () => writeReply(connection));
    startTimer(connection, `reply not read within ${peerTimeoutMs} ms`);
  }

  return {
    add(fd, handlers) {
      lastId += 1;
      const connection: Open = {
        id: lastId as Connection,
        fd,
        handlers,
        phase: "reading",
        poll: NO_POLL,
        timer: undefined,
        frame: scratch,
        reply: probe,
        length: 0,
        fds: [],
      };
      open.set(connection.id, connection);
      // A shim writes its frame right after it has connected: mostly it is there.
      readFrame(connection);
    },
    reply(id, bytes) {
      const connection = open.get(id);
      if (connection?.phase !== "serving") return;
      connection.phase = "writing";
      connection.reply = bytes;
      addon.unpoll(connection.poll);
      connection.poll = NO_POLL;
      writeReply(connection);
    },
    isGone(id) {
      const connection = open.get(id);
      if (connection?.phase === "serving") readEnd(connection);
      return !open.has(id);
    },
    drop(id) {
      const connection = open.get(id);
      if (connection !== undefined) close(connection);
    },
    count: () => open.size,
    isFull: () => served >= MAX_SERVED,
    onceRoom: (work) => void awaitingRoom.push(work),
    async whenIdle() {
      if (open.size > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

/** Makes room when there is none. Memory follows what has arrived: an announced length costs nothing. */
function grow(connection: Open): void {
  const { frame, length } = connection;
  if (length < frame.length) return;
  connection.frame = Buffer.allocUnsafeSlow(2 * length);
  frame.copy(connection.frame);
}

/** Size of the whole frame; unlimited while the header is not there. */
function frameBytes({ frame, length }: Open): number {
  return length < HEADER_BYTES ? Number.POSITIVE_INFINITY : HEADER_BYTES + frame.readUInt32BE(4);
}

/** Why the connection must end after a receive that gave `size`. Silent: somebody only looked whether we listen. */
function faultOf(connection: Open, size: number): string | undefined {
  const { frame, length, fds } = connection;
  if (size === -EMFILE || fds.length > MAX_FDS)
    return `more than ${MAX_FDS} descriptors, or no room for them`;
  if (size < 0) return `recvmsg: ${errorCode(size)}`;
  if (size === 0) return length === 0 ? "silent" : `closed after ${length} bytes`;
  if (length < HEADER_BYTES) return undefined;
  if (!frame.subarray(0, MAGIC.length).equals(MAGIC)) return "wrong magic";
  const whole = frameBytes(connection);
  if (whole - HEADER_BYTES > MAX_LENGTH) return `length ${whole - HEADER_BYTES}, more than ${MAX_LENGTH}`;
  return length > whole ? "bytes after the frame" : undefined;
}
