import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { readU32 } from "netlink/dist/structs.js";

declare const connectionId: unique symbol;

/** An open connection of a shim. Using one that has closed does nothing. */
export type Connection = number & { readonly [connectionId]: true };

export interface ListenHandlers {
  /** A whole frame, header included, with the descriptors that came with it: they belong to the receiver. Once per connection. */
  readonly onRequest: (connection: Connection, frame: Buffer, fds: number[]) => void;
  /** The peer hung up before the reply. The connection is closed already. */
  readonly onGone: (connection: Connection) => void;
  /** A connection was closed without a request, or broke the rules after it (then onGone follows). For the log. */
  readonly onRefused: (reason: string) => void;
}

export interface Listener {
  /** Unlinks the socket, takes what is queued, then accepts no more; running connections go on. */
  stop(): void;
}

export interface Watch {
  /** After this no handler is called; the descriptor stays open. */
  stop(): void;
}

/** One batch of netlink messages for one socket. Every message is a dump or has NLM_F_ACK; sequence numbers ascend by one. */
export interface NativeStep {
  readonly fd: number;
  readonly bytes: Uint8Array;
}

/** A failed system call: `code` is the name of its error number. */
export interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
}

/** System calls that Node.js lacks (agent/native/kernel.c). All throw {@link SystemError}. */
export interface Native {
  /**
   * Listens on a unix stream socket (0600, peers of uid 0) for frames of docs/protocol.md: the length in the first 8 bytes is all that is
   * read of them. The socket file of a dead process is replaced; EADDRINUSE if somebody listens, ENOTSOCK if the file is no socket.
   */
  listen(path: string, handlers: ListenHandlers): Listener;
  /** Writes everything and closes. A peer that has vanished is no error. */
  reply(connection: Connection, bytes: Uint8Array): void;
  /** Closes without a reply. */
  drop(connection: Connection): void;
  /** Number of open connections. */
  pending(): number;
  /** Netlink socket, subscribed to `groups` (bits, RTMGRP_*), with extended acknowledgements and strict checking of dumps. */
  openNetlink(protocol: number, groups: number): number;
  /** Sets the options of {@link Native.openNetlink} on a socket that somebody else opened. */
  prepareNetlink(fd: number): void;
  close(fd: number): void;
  /**
   * Sends the steps one after the other, in a thread: each when the one before it was answered to its end. Resolves to the raw answers
   * per step; fewer than steps when a step held an error, which ends the sequence. After a rejection the sockets' state is unknown.
   */
  request(steps: readonly NativeStep[]): Promise<Buffer[]>;
  /** Calls `onData` with what a subscribed socket receives; `onError` with "ENOBUFS" when messages were lost: read everything anew. */
  watch(fd: number, onData: (bytes: Buffer) => void, onError: (code: string) => void): Watch;
}

interface Addon {
  listen(path: string, handlers: ListenHandlers): number;
  stop(id: number): void;
  reply(connection: number, bytes: Uint8Array): void;
  drop(connection: number): void;
  pending(): number;
  openNetlink(protocol: number, groups: number): number;
  prepareNetlink(fd: number): void;
  close(fd: number): void;
  request(steps: readonly NativeStep[]): Promise<Buffer[]>;
  watch(fd: number, handlers: { onData: (bytes: Buffer) => void; onError: (code: string) => void }): number;
}

/** sizeof(sockaddr_un.sun_path) of linux/un.h less the final NUL. */
const MAX_SOCKET_PATH = 107;

/** The addon lies beside the bundle; a program run from source takes it from dist/. */
function addonPath(): URL {
  const beside = new URL("./kernel.node", import.meta.url);
  return existsSync(beside) ? beside : new URL("../../dist/kernel.node", import.meta.url);
}

export function loadNative(): Native {
  const addon = createRequire(import.meta.url)(addonPath().pathname) as Addon;
  return {
    listen(path, handlers) {
      checkSocketPath(path);
      const id = addon.listen(path, handlers);
      return { stop: () => addon.stop(id) };
    },
    reply: (connection, bytes) => addon.reply(connection, bytes),
    drop: (connection) => addon.drop(connection),
    pending: () => addon.pending(),
    openNetlink(protocol, groups) {
      checkInteger("netlink protocol", protocol);
      checkInteger("netlink groups", groups);
      return addon.openNetlink(protocol, groups);
    },
    prepareNetlink(fd) {
      checkInteger("file descriptor", fd);
      addon.prepareNetlink(fd);
    },
    close(fd) {
      checkInteger("file descriptor", fd);
      addon.close(fd);
    },
    async request(steps) {
      for (const { fd, bytes } of steps) {
        checkInteger("file descriptor", fd);
        checkBatch(bytes);
      }
      return await addon.request(steps);
    },
    watch(fd, onData, onError) {
      checkInteger("file descriptor", fd);
      const id = addon.watch(fd, { onData, onError });
      return { stop: () => addon.stop(id) };
    },
  };
}

function checkInteger(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff) {
    throw new RangeError(`Cannot use ${what} ${value}: not in 0..2147483647`);
  }
}

function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length === 0 || length > MAX_SOCKET_PATH || path.includes("\0")) {
    const reason = `${length} bytes, but a socket path has 1 to ${MAX_SOCKET_PATH}, none of them NUL`;
    throw new RangeError(`Cannot listen on ${JSON.stringify(path)}: ${reason}`);
  }
}

/** The addon walks the batch by the lengths in it, and waits for the answer to its last message. */
function checkBatch(bytes: Uint8Array): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  while (offset + 16 <= buffer.length) {
    const length = readU32.call(buffer, offset);
    if (length < 16 || length % 4 !== 0) break;
    offset += length;
  }
  if (offset !== buffer.length || offset === 0) {
    throw new RangeError(`Cannot send ${buffer.length} bytes: not a sequence of netlink messages`);
  }
}
