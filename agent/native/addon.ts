import { existsSync } from "node:fs";
import { createRequire } from "node:module";

/**
 * Functions of the C addon (addon/addon.c). They give what the system call of their name returns, a negative
 * error number on failure, and check no argument: a wrong type ends the process.
 */
export interface Addon {
  /**
   * Calls `callback` in the event loop while `fd` is ready for `events` (UV_READABLE, UV_WRITABLE). Gives an
   * identifier.
   */
  poll(fd: number, events: number, callback: () => void): number;
  /** Also for a descriptor that is closed next. An unknown identifier is ignored. */
  unpoll(id: number): void;
  socket(family: number, type: number, protocol: number): number;
  /** `address`: struct sockaddr_*, at most 128 bytes. */
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  setOption(fd: number, level: number, name: number, value: number): number;
  listen(fd: number, backlog: number): number;
  /** A non-blocking descriptor. */
  accept(fd: number): number;
  /** SO_PEERCRED, as seen in our user namespace. */
  peerUid(fd: number): number;
  /** getsockname and getpeername: puts a struct sockaddr_* into `address` and gives its size. */
  ownAddress(fd: number, address: Uint8Array): number;
  peerAddress(fd: number, address: Uint8Array): number;
  /**
   * recvmsg without waiting. Appends descriptors that came along to `fds`, on failure too. EMFILE: more than
   * two, or no room for them; EMSGSIZE: a datagram larger than `bytes`; EINTR also for a netlink message that
   * is not the kernel's.
   */
  receive(fd: number, bytes: Uint8Array, fds: number[]): number;
  /** Without waiting. */
  send(fd: number, bytes: Uint8Array): number;
  /**
   * write without waiting, of at most PIPE_BUF bytes, to any kind of descriptor; one that is non-blocking is
   * safe from other writers too.
   */
  write(fd: number, bytes: Uint8Array): number;
  shutdown(fd: number): number;
  close(fd: number): number;
  /**
   * See `Native.request`. Rejects with an error whose `code` is the error's name, and whose message is the
   * system call.
   */
  request(steps: readonly AddonStep[]): Promise<(Buffer | undefined)[]>;
}

export interface AddonStep {
  readonly fd: number;
  readonly bytes: Uint8Array;
  /**
   * Bytes for a stream socket instead, which nobody answers. A peer that does not take all of them at once
   * ends the sequence, and this step is not among those that were answered. The descriptor is duplicated
   * before this returns.
   */
  readonly isPlain?: boolean | undefined;
  /**
   * An answer without any of these bits, in the number of 32 bits at this place of it, ends the sequence as
   * an error does.
   */
  readonly wantedAt?: number | undefined;
  readonly wantedBits?: number | undefined;
  /** The answer ends with the datagram that brings it to so many bytes, though the kernel has more to say. */
  readonly atLeast?: number | undefined;
  /** Reads on where a step with the same bytes has ended by `atLeast`, and sends nothing. */
  readonly isResumed?: boolean | undefined;
}

/** enum uv_poll_event of uv.h */
export const UV_READABLE = 1;
export const UV_WRITABLE = 2;

/** The addon lies beside the bundle; a program run from source takes it from dist/. */
export function loadAddon(): Addon {
  const beside = new URL("./kernel.node", import.meta.url);
  const url = existsSync(beside) ? beside : new URL("../../dist/kernel.node", import.meta.url);
  return createRequire(import.meta.url)(url.pathname) as Addon;
}
