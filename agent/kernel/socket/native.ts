import { constants } from "node:os";
import { SocketOption, readU32, writeU16, writeU32 } from "../../netlink/package.ts";
import { type Addon, type AddonStep, loadAddon, UV_READABLE } from "../../native/addon.ts";
import type { Connection, ListenHandlers } from "../../native/connection-table.ts";
import { createConnections } from "../../native/connections.ts";
import { createListener, type Listener } from "../../native/listener.ts";
import { checked, errorCode, type SystemError, systemError } from "../../native/system-error.ts";

export type { Connection, Listener, ListenHandlers, SystemError };

export interface Watch {
  /** After this no handler is called; the descriptor stays open. */
  stop(): void;
}

/**
 * One batch of netlink messages for one socket. Sequence numbers ascend by one; the last message is a dump or
 * has NLM_F_ACK.
 */
export interface NativeStep extends AddonStep {
  readonly bytes: Buffer;
}

/**
 * System calls that Node.js lacks. All throw {@link SystemError}; the descriptors given out are closed with
 * `close`.
 */
export interface Native {
  /**
   * Listens on a unix stream socket (0600, peers of uid 0) for frames of docs/protocol.md. The socket file of
   * a dead process is replaced; EADDRINUSE if somebody listens, ENOTSOCK if the file is no socket.
   */
  listen(path: string, handlers: ListenHandlers): Listener;
  /** Writes everything and closes. A peer that has vanished is no error. */
  reply(connection: Connection, bytes: Uint8Array): void;
  /** Whether the peer has hung up, told by `onGone` or not yet; `onGone` is called if not. */
  isGone(connection: Connection): boolean;
  /** Closes without a reply. */
  drop(connection: Connection): void;
  /** The descriptor of an open connection, for a step that replies; undefined: it has closed. */
  descriptorOf(connection: Connection): number | undefined;
  /** Number of open connections. */
  pending(): number;
  /** Resolves when no connection is open any more: each ends by its reply, or after `peerTimeoutMs`. */
  whenIdle(): Promise<void>;
  /**
   * Netlink socket, subscribed to `groups` (bits, RTMGRP_*), with extended acknowledgements and strict
   * checking of dumps. One with groups has room for the notifications of some thousand changes.
   */
  openNetlink(protocol: number, groups: number): number;
  /** Sets the options of {@link Native.openNetlink} on a socket that somebody else opened. */
  prepareNetlink(fd: number): void;
  close(fd: number): void;
  /**
   * Sends the steps one after the other, in a thread: each when the one before it was answered to its end.
   * Resolves to the raw answers per step, without acknowledgements that say no more than that, so undefined
   * where there is nothing else; fewer than steps when a step has ended the sequence: by an error, for one.
   * After a rejection the sockets' state is unknown. A socket is used by one request at a time. The bytes of
   * the steps are copied before this returns.
   */
  request(steps: readonly NativeStep[]): Promise<(Buffer | undefined)[]>;
  /**
   * Calls `onData` with what a subscribed socket receives, valid during the call only and {@link COLLECT_MS}
   * late, and `onError` with the name of an error: "ENOBUFS" when messages were lost, so that everything has
   * to be read anew.
   */
  watch(fd: number, onData: (bytes: Buffer) => void, onError: (code: string) => void): Watch;
}

export interface NativeOptions {
  /** How long a peer may take to send its frame, and to read its reply. */
  readonly peerTimeoutMs?: number;
}

/** sys/socket.h and linux/netlink.h, the same on all architectures on which Node.js runs under Linux. */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_SNDBUFFORCE = 32;
const SOL_NETLINK = 270;
const NETLINK_OPTIONS: readonly number[] = [
  SocketOption.EXT_ACK,
  SocketOption.CAP_ACK,
  SocketOption.GET_STRICT_CHK,
];

/** Room for the acknowledgements of many batches. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** A transaction of nfnetlink is one message, however much it changes. Nothing is set aside for it. */
const SEND_BUFFER_BYTES = 64 * 1024 * 1024;

/**
 * Room for what a storm of pods makes the kernel tell: some 15 messages a pod, each of which it counts with 4
 * KB.
 */
const WATCH_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * To be woken by each message of a storm costs much more than the messages: after the first they are left to
 * pile up for this time.
 */
const COLLECT_MS = 50;

/** Twice what the kernel puts into one datagram of events. */
const DATAGRAM_BYTES = 64 * 1024;
const DATAGRAMS_PER_TURN = 256;

const { EADDRINUSE, EAGAIN, EINTR } = constants.errno;

export function loadNative({ peerTimeoutMs = 10_000 }: NativeOptions = {}): Native {
  const addon = loadAddon();
  const connections = createConnections(addon, peerTimeoutMs);
  return {
    listen: (path, handlers) => createListener(addon, connections, { path, handlers }),
    reply: (connection, bytes) => connections.reply(connection, bytes),
    isGone: (connection) => connections.isGone(connection),
    drop: (connection) => connections.drop(connection),
    descriptorOf: (connection) => connections.descriptorOf(connection),
    pending: () => connections.count(),
    whenIdle: () => connections.whenIdle(),
    openNetlink: (protocol, groups) => openNetlink(addon, protocol, groups),
    prepareNetlink: (fd) => prepareNetlink(addon, fd),
    close: (fd) => void checked(`close descriptor ${fd}`, "close", addon.close(checkFd(fd))),
    request: (steps) => request(addon, steps),
    watch: (fd, onData, onError) => watch(addon, checkFd(fd), { onData, onError }),
  };
}

function checkFd(fd: number): number {
  if (Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff) return fd;
  throw new RangeError(`Cannot use file descriptor ${fd}`);
}

/**
 * Port ids of our netlink sockets: "cw" in ASCII and a count, which begins anywhere since another program may
 * count as we do.
 */
const OWN_PORTS = 0x6377;
const MAX_PORT_ATTEMPTS = 1000;
let lastPort = Math.floor(Math.random() * 0x10000);

function nextPort(): number {
  lastPort = (lastPort + 1) & 0xffff;
  return OWN_PORTS * 0x10000 + lastPort;
}

/**
 * Whether a notification is about a change that came through one of our sockets: the kernel puts their port
 * id into most of these.
 */
export function isOwnPort(port: number): boolean {
  return port >>> 16 === OWN_PORTS;
}

function openNetlink(addon: Addon, protocol: number, groups: number): number {
  const what = `open netlink socket of protocol ${protocol}`;
  const fd = checked(what, "socket", addon.socket(AF_NETLINK, SOCK_RAW, protocol));
  try {
    prepareNetlink(addon, fd, groups === 0 ? RECEIVE_BUFFER_BYTES : WATCH_BUFFER_BYTES);
    // Takes CAP_NET_ADMIN; without it, what is too long for the socket is refused (EMSGSIZE).
    addon.setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES);
    // struct sockaddr_nl: family, padding, port, groups.
    const address = Buffer.alloc(12);
    writeU16.call(address, AF_NETLINK, 0);
    writeU32.call(address, groups, 8);
    let result = -EADDRINUSE;
    for (let attempt = 0; result === -EADDRINUSE && attempt < MAX_PORT_ATTEMPTS; attempt++) {
      writeU32.call(address, nextPort(), 4);
      result = addon.bind(fd, address);
    }
    checked(what, "bind", result);
    return fd;
  } catch (error) {
    addon.close(fd);
    throw error;
  }
}

function prepareNetlink(addon: Addon, fd: number, bufferBytes: number = RECEIVE_BUFFER_BYTES): void {
  checkFd(fd);
  const set = (level: number, name: number, value: number) => addon.setOption(fd, level, name, value);
  const what = "prepare netlink socket";
  for (const option of NETLINK_OPTIONS) checked(what, "setsockopt", set(SOL_NETLINK, option, 1));
  // Past net.core.rmem_max, which takes CAP_NET_ADMIN; else as far as that goes.
  if (set(SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes) < 0) {
    checked(what, "setsockopt", set(SOL_SOCKET, SO_RCVBUF, bufferBytes));
  }
}

async function request(addon: Addon, steps: readonly NativeStep[]): Promise<(Buffer | undefined)[]> {
  for (const { fd, bytes, isPlain = false } of steps) {
    checkFd(fd);
    if (!isPlain) checkBatch(bytes);
  }
  try {
    return await addon.request(steps);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw systemError("complete netlink request", message, code ?? "EIO", error);
  }
}

/** The addon walks the batch by the lengths in it, and waits for the answer to its last message. */
function checkBatch(bytes: Buffer): void {
  let offset = 0;
  while (offset + 16 <= bytes.length) {
    const length = readU32.call(bytes, offset);
    if (length < 16 || length % 4 !== 0) break;
    offset += length;
  }
  if (offset !== bytes.length || offset === 0) {
    throw new RangeError(`Cannot send ${bytes.length} bytes: not a sequence of netlink messages`);
  }
}

interface WatchHandlers {
  readonly onData: (bytes: Buffer) => void;
  readonly onError: (code: string) => void;
}

function watch(addon: Addon, fd: number, { onData, onError }: WatchHandlers): Watch {
  const bytes = Buffer.allocUnsafe(DATAGRAM_BYTES);
  let stopListening = listen();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function listen(): () => void {
    const poll = checked("watch netlink socket", "epoll_ctl", addon.poll(fd, UV_READABLE, onReadable));
    return () => addon.unpoll(poll);
  }

  function onReadable(): void {
    stopListening();
    stopListening = () => undefined;
    timer = setTimeout(collect, COLLECT_MS);
  }

  /** What one turn leaves in the socket makes it readable at once. */
  function collect(): void {
    timer = undefined;
    for (let turn = 0; turn < DATAGRAMS_PER_TURN; turn++) {
      if (isStopped) return;
      const size = addon.receive(fd, bytes, []);
      if (size === -EAGAIN) break;
      if (size >= 0) onData(bytes.subarray(0, size));
      else if (size !== -EINTR) {
        onError(errorCode(size));
        break;
      }
    }
    stopListening = listen();
  }

  return {
    stop() {
      isStopped = true;
      stopListening();
      clearTimeout(timer);
    },
  };
}
