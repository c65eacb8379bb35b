import { constants } from "node:os";
import type { Addon } from "./addon.ts";
import { releaseMemory } from "./release-memory.ts";
import { errorCode } from "./system-error.ts";

/**
 * Of a frame (docs/protocol.md) only the first 8 bytes are known here: magic and big-endian length of the
 * rest.
 */
const MAGIC = Buffer.from("CWAY");
const HEADER_BYTES = 8;
const MAX_LENGTH = 2 * 1024 * 1024;

/** Nearly all frames of container runtimes fit: those are read once, without memory of their own. */
const SCRATCH_BYTES = 16 * 1024;
const MAX_FDS = 2;

const { EAGAIN, EINTR, EMFILE } = constants.errno;

/** A frame that arrives, in parts or at once. */
export interface IncomingFrame {
  /** The memory of all connections, until a part of the frame has to be kept. */
  buffer: Buffer;
  /** Bytes that have arrived. */
  length: number;
  /** Descriptors that came with it. */
  fds: number[];
}

/** "partial": there will be more. "silent": the peer only looked whether we listen. */
export type Arrival = "partial" | "whole" | "silent" | { readonly fault: string };

/** Memory that nearly all frames are read into. */
export function createScratch(): Buffer {
  return Buffer.allocUnsafeSlow(SCRATCH_BYTES);
}

/** Takes what has arrived at a socket, without waiting. */
export function receiveFrame(addon: Addon, fd: number, frame: IncomingFrame): Arrival {
  for (;;) {
    grow(frame);
    const { buffer, length, fds } = frame;
    const size = addon.receive(fd, length === 0 ? buffer : buffer.subarray(length), fds);
    if (size === -EINTR) continue;
    if (size === -EAGAIN) return "partial";
    if (size > 0) frame.length += size;
    if (size === 0 && frame.length === 0 && fds.length <= MAX_FDS) return "silent";
    const fault = faultOf(frame, size);
    if (fault !== undefined) return { fault };
    if (frame.length === frameBytes(frame)) return "whole";
  }
}

/** Keeps what has arrived, which is in `scratch` so far. */
export function keepFrame(frame: IncomingFrame, scratch: Buffer): void {
  if (frame.buffer !== scratch) return;
  frame.buffer = createScratch();
  scratch.copy(frame.buffer, 0, 0, frame.length);
}

/** Gives memory and descriptors back. */
export function discardFrame(addon: Addon, frame: IncomingFrame, scratch: Buffer): void {
  for (const fd of frame.fds) addon.close(fd);
  if (frame.buffer !== scratch) releaseMemory(frame.buffer);
}

/** Makes room when there is none. Memory follows what has arrived: an announced length costs nothing. */
function grow(frame: IncomingFrame): void {
  const { buffer, length } = frame;
  if (length < buffer.length) return;
  frame.buffer = Buffer.allocUnsafeSlow(2 * length);
  buffer.copy(frame.buffer);
}

/** Size of the whole frame; unlimited while the header is not there. */
function frameBytes({ buffer, length }: IncomingFrame): number {
  return length < HEADER_BYTES ? Number.POSITIVE_INFINITY : HEADER_BYTES + buffer.readUInt32BE(4);
}

/** Why the connection must end after a receive that gave `size`. */
function faultOf(frame: IncomingFrame, size: number): string | undefined {
  const { buffer, length, fds } = frame;
  if (size === -EMFILE || fds.length > MAX_FDS)
    return `more than ${MAX_FDS} descriptors, or no room for them`;
  if (size < 0) return `recvmsg: ${errorCode(size)}`;
  if (size === 0) return `closed after ${length} bytes`;
  if (length < HEADER_BYTES) return undefined;
  if (!buffer.subarray(0, MAGIC.length).equals(MAGIC)) return "wrong magic";
  const whole = frameBytes(frame);
  if (whole - HEADER_BYTES > MAX_LENGTH) return `length ${whole - HEADER_BYTES}, more than ${MAX_LENGTH}`;
  return length > whole ? "bytes after the frame" : undefined;
}
