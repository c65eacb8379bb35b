import { constants } from "node:os";
import { type Addon, UV_READABLE, UV_WRITABLE } from "../../native/addon.ts";
import { MAX_HEAD_BYTES } from "./request-head.ts";

/** One request and its answer, on a connection of their own. */
export interface Exchange {
  start(): void;
  /** Closes the connection, whatever is going on. May be called twice. */
  end(): void;
}

export interface ExchangeInput {
  readonly addon: Addon;
  /** Connected and non-blocking; closed at the end. */
  readonly fd: number;
  /** When it is over, however far it has come. */
  readonly deadlineMs: number;
  /**
   * The answer to what has arrived; undefined while that is not whole. `head` is valid during the call only.
   */
  readonly answer: (head: Buffer) => Promise<Buffer> | undefined;
  /** Called once, when the connection is closed. */
  readonly onEnd: () => void;
}

/**
 * A request comes in one piece or two. Each costs a turn of the event loop, so who drips bytes has soon had
 * his.
 */
const MAX_READS = 8;

/** The memory of all requests, until a part of one has to be kept. */
const scratch = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES);

const { EAGAIN, EINTR } = constants.errno;

/**
 * Reads one request, sends its answer and closes. What the peer sends meanwhile, or behind its request, is
 * never read.
 */
export function createExchange({ addon, fd, deadlineMs, answer, onEnd }: ExchangeInput): Exchange {
  let head = scratch;
  let length = 0;
  let reads = 0;
  let rest: Buffer = scratch;
  let poll: number | undefined;
  let hasEnded = false;
  const deadline = setTimeout(end, deadlineMs);

  function end(): void {
    if (hasEnded) return;
    hasEnded = true;
    clearTimeout(deadline);
    ignore();
    addon.close(fd);
    onEnd();
  }

  function ignore(): void {
    if (poll !== undefined) addon.unpoll(poll);
    poll = undefined;
  }

  function awaitReady(events: number, onReady: () => void): void {
    if (poll !== undefined) return;
    const id = addon.poll(fd, events, onReady);
    if (id < 0) end();
    else poll = id;
  }

  function read(): void {
    reads++;
    const size = addon.receive(fd, head.subarray(length), []);
    if (size === -EAGAIN || size === -EINTR) return awaitReady(UV_READABLE, read);
    if (size <= 0 || reads > MAX_READS) return end();
    length += size;
    const answering = answer(head.subarray(0, length));
    if (answering === undefined) return awaitRest();
    ignore();
    answering.then(send, end);
  }

  function awaitRest(): void {
    if (head === scratch) {
      head = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES);
      scratch.copy(head, 0, 0, length);
    }
    awaitReady(UV_READABLE, read);
  }

  function send(bytes: Buffer): void {
    if (hasEnded) return;
    rest = bytes;
    write();
  }

  function write(): void {
    while (rest.length > 0) {
      const size = addon.send(fd, rest);
      if (size === -EAGAIN) return awaitReady(UV_WRITABLE, write);
      if (size < 0 && size !== -EINTR) break; // the peer is gone: nobody is left to tell
      if (size > 0) rest = rest.subarray(size);
    }
    end();
  }

  return { start: read, end };
}
