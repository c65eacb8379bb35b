import { align, getS32, getU32, HEADER_LENGTH } from "../package.ts";
import { readAttributes, readText, readU32 } from "./attributes.ts";
import {
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from "../constants.ts";
import { readU16, readU32 as readU32At, writeU16, writeU32 } from "./host-order.ts";
import { MalformedMessageError } from "./malformed-message-error.ts";
import { NetlinkError, type NetlinkErrorInput } from "./netlink-error.ts";

/** One request as plain data; what its place in a batch decides is added when it is encoded. */
export interface NetlinkRequest {
  /** RTM_* of linux/rtnetlink.h. */
  readonly type: number;
  /** NLM_F_* beyond REQUEST and ACK. */
  readonly flags: number;
  /** Everything after the netlink header, in pieces; together a multiple of 4 bytes. */
  readonly payload: readonly Uint8Array[];
  /** The request in words, for errors: `add address 10.244.1.7/32`. */
  readonly what: string;
  /** A dump that fails with this code has no entries: a routing table that was never used answers ENOENT. */
  readonly emptyOn?: string;
  /** Holds a key: its bytes are overwritten once it is sent. */
  readonly isSecret?: boolean;
  /** Of a dump that changes of others' things interrupt all the time: how two of them are made one. */
  readonly parts?: DumpParts;
  /**
   * Messages around this one, under its sequence number and without an acknowledgement of their own: a
   * transaction of nfnetlink, whose parts succeed or fail together. It is answered once by the
   * acknowledgement of this message, or by the first error of any.
   */
  readonly around?: { readonly before: readonly MessageBody[]; readonly after: readonly MessageBody[] };
}

/**
 * The kernel calls a dump interrupted as soon as any link of the namespace came or went, whosever it is
 * (dev_base_seq of net/core/dev.c). What was there all the time is in it nevertheless: the kernel goes on by
 * the link's index, before Linux 6.6 by its place in a hash bucket, where a link that goes can hide one
 * behind it. A link that both dumps miss so is missing until the next look.
 */
export interface DumpParts {
  /** The same text for what the kernel tells of one thing at different times. */
  readonly identity: (payload: Buffer) => string;
  /** Asks for that thing alone; undefined where the kernel has no such question. */
  readonly ask?: (payload: Buffer) => NetlinkRequest;
}

/** A message without what its place in a batch decides. */
export type MessageBody = Pick<NetlinkRequest, "type" | "flags" | "payload">;

/** Requests that are encoded but for their sequence numbers. No dump is among them. */
export interface EncodedRequests {
  readonly bytes: Buffer;
  /** Where the messages begin: one for each request, but for a transaction. */
  readonly offsets: readonly number[];
  /** All messages are those of one request: see `around` of {@link NetlinkRequest}. */
  readonly isTransaction?: boolean;
  /** The same in words, for errors. */
  readonly requests: () => readonly NetlinkRequest[];
}

export type Requests = readonly NetlinkRequest[] | EncodedRequests;

/** One message of the kernel. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** Port id of the socket that a notification goes back to; 0: the kernel. */
  readonly port: number;
  readonly payload: Buffer;
}

/** What became of one request. Skipped: an earlier step failed, so this one was not sent. */
export type Outcome =
  | { readonly status: "done"; readonly replies: readonly NetlinkMessage[]; readonly interrupted: boolean }
  | { readonly status: "failed"; readonly error: NetlinkError }
  | { readonly status: "skipped" };

/** Whether an answer ends with this message: the end of a dump, an acknowledgement or an error. */
export function isEnd({ type }: Pick<NetlinkMessage, "type">): boolean {
  return type === NLMSG_ERROR || type === NLMSG_DONE;
}

export function isDump(request: NetlinkRequest): boolean {
  return (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
}

/**
 * One batch for one send: request `n` gets the sequence number `firstSeq + n` (32 bits, wrapping). Only the
 * last one asks for its acknowledgement: the kernel serves them in order and tells every error unasked
 * (netlink_rcv_skb of net/netlink/af_netlink.c).
 */
export function encodeBatch(requests: readonly NetlinkRequest[], firstSeq: number): Buffer {
  let length = 0;
  for (const request of requests) {
    const { what, around } = request;
    for (const body of [...(around?.before ?? []), request, ...(around?.after ?? [])])
      length += messageLength(what, body);
  }
  const batch = Buffer.allocUnsafe(length);
  let offset = 0;
  requests.forEach((request, index) => {
    const seq = (firstSeq + index) >>> 0;
    const { around } = request;
    for (const body of around?.before ?? []) offset = writeMessage(batch, offset, { body, seq, flags: 0 });
    const flags = index === requests.length - 1 && !isDump(request) ? NLM_F_ACK : 0;
    offset = writeMessage(batch, offset, { body: request, seq, flags });
    for (const body of around?.after ?? []) offset = writeMessage(batch, offset, { body, seq, flags: 0 });
  });
  return batch;
}

/** Messages behind one another, without sequence numbers. */
export function encodeBodies(bodies: readonly MessageBody[]): {
  readonly bytes: Buffer;
  readonly offsets: readonly number[];
} {
  const bytes = Buffer.allocUnsafe(bodies.reduce((sum, body) => sum + messageLength("bodies", body), 0));
  let end = 0;
  const offsets = bodies.map((body) => {
    const start = end;
    end = writeMessage(bytes, start, { body, seq: 0, flags: 0 });
    return start;
  });
  return { bytes, offsets };
}

/** nlmsg_seq of struct nlmsghdr. */
const SEQUENCE_OFFSET = 8;

/** Gives encoded requests their sequence numbers, from `firstSeq` on as {@link encodeBatch} does. */
export function numberRequests(
  { bytes, offsets, isTransaction = false }: EncodedRequests,
  firstSeq: number,
): Buffer {
  offsets.forEach((offset, index) =>
    writeU32(bytes, offset + SEQUENCE_OFFSET, firstSeq + (isTransaction ? 0 : index)),
  );
  return bytes;
}

/** Length of a message when it is encoded. */
export function messageBytes({ payload }: MessageBody): number {
  let length = HEADER_LENGTH;
  for (const piece of payload) length += piece.length;
  return length;
}

function messageLength(what: string, body: MessageBody): number {
  const length = messageBytes(body);
  if (align(length) !== length) throw new RangeError(`Cannot encode "${what}": payload not aligned`);
  return length;
}

/** Gives the offset behind the message. */
function writeMessage(
  batch: Buffer,
  start: number,
  { body, seq, flags }: { readonly body: MessageBody; readonly seq: number; readonly flags: number },
): number {
  let offset = start + HEADER_LENGTH;
  for (const piece of body.payload) {
    batch.set(piece, offset);
    offset += piece.length;
  }
  writeU32(batch, start, offset - start);
  writeU16(batch, start + 4, body.type);
  writeU16(batch, start + 6, body.flags | NLM_F_REQUEST | flags);
  writeU32(batch, start + SEQUENCE_OFFSET, seq);
  writeU32(batch, start + 12, 0);
  return offset;
}

/**
 * Splits what was received; throws {@link MalformedMessageError}. The package's own loop takes several times
 * as long, which counts with thousands of routes.
 */
export function parseMessages(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let start = 0; start < bytes.length; ) {
    const length = start + HEADER_LENGTH > bytes.length ? 0 : readU32At(bytes, start);
    if (length < HEADER_LENGTH || start + length > bytes.length) {
      const place = `at byte ${start} of ${bytes.length}`;
      throw new MalformedMessageError(`Cannot read netlink messages: message of ${length} bytes ${place}`);
    }
    messages.push({
      type: readU16(bytes, start + 4),
      flags: readU16(bytes, start + 6),
      seq: readU32At(bytes, start + SEQUENCE_OFFSET),
      port: readU32At(bytes, start + 12),
      payload: bytes.subarray(start + HEADER_LENGTH, start + length),
    });
    start += align(length);
  }
  return messages;
}

export const ACKNOWLEDGED: Outcome = { status: "done", replies: [], interrupted: false };
const NO_ANSWERS = Buffer.alloc(0);

/** Reads the answers to a batch, and sorts them: see {@link sortAnswers}. */
export function parseAnswers(
  requests: readonly NetlinkRequest[],
  firstSeq: number,
  bytes: Buffer = NO_ANSWERS,
): Outcome[] {
  if (bytes.length === 0 && !requests.some(isDump)) return requests.map(() => ACKNOWLEDGED);
  return sortAnswers(requests, firstSeq, parseMessages(bytes));
}

/**
 * Sorts the answers to a batch that was answered to its end by request. A request without an answer was done:
 * only a dump says when it ends, and only an error is told unasked. Throws {@link MalformedMessageError}.
 */
export function sortAnswers(
  requests: readonly NetlinkRequest[],
  firstSeq: number,
  messages: readonly NetlinkMessage[],
): Outcome[] {
  const outcomes: (Outcome | undefined)[] = requests.map(() => undefined);
  const replies: NetlinkMessage[][] = requests.map(() => []);
  const interrupted = new Set<number>();
  for (const message of messages) {
    const index = (message.seq - firstSeq) >>> 0;
    const request = requests[index];
    if (request === undefined) throw new MalformedMessageError(`Unexpected sequence number ${message.seq}`);
    if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted.add(index);
    if (isEnd(message)) {
      const error = parseEnd(request.what, message);
      outcomes[index] =
        error === undefined
          ? { status: "done", replies: replies[index] ?? [], interrupted: interrupted.has(index) }
          : { status: "failed", error };
    } else if (message.type !== NLMSG_NOOP) {
      replies[index]?.push(message);
    }
  }
  return requests.map((request, index) => {
    const outcome = outcomes[index];
    if (outcome !== undefined) return outcome;
    if (isDump(request))
      throw new MalformedMessageError(`Cannot ${request.what}: the kernel did not complete the dump`);
    return { status: "done", replies: replies[index] ?? [], interrupted: false };
  });
}

/**
 * Error of NLMSG_ERROR or NLMSG_DONE, undefined for success: both begin with a negative error number (0:
 * success).
 */
function parseEnd(what: string, message: NetlinkMessage): NetlinkError | undefined {
  const { type, flags, payload } = message;
  const minimum = type === NLMSG_ERROR ? 4 + HEADER_LENGTH : 4;
  if (payload.length < minimum) throw new MalformedMessageError(`Cannot ${what}: truncated acknowledgement`);
  const errno = -getS32(payload.subarray(0, 4));
  if (errno < 0) throw new MalformedMessageError(`Cannot ${what}: invalid error number ${-errno}`);
  if (errno === 0) return undefined;
  return new NetlinkError({ errno, what, ...((flags & NLM_F_ACK_TLVS) === 0 ? {} : parseExtack(message)) });
}

/**
 * Text and offset behind the header of the request, or behind the whole request where the kernel did not cap
 * it (netlink(7), NETLINK_CAP_ACK). A fault here is no error: the error number counts more than its
 * explanation.
 */
function parseExtack({ type, flags, payload }: NetlinkMessage): Pick<NetlinkErrorInput, "extack" | "offset"> {
  let start = 4;
  if (type === NLMSG_ERROR) {
    const request = getU32(payload.subarray(4, 8));
    start += (flags & NLM_F_CAPPED) === 0 ? align(Math.max(request, HEADER_LENGTH)) : HEADER_LENGTH;
  }
  const what = "extended acknowledgement";
  try {
    const attributes = readAttributes(what, payload.subarray(start));
    return {
      extack: readText(what, attributes, NLMSGERR_ATTR_MSG),
      offset: readU32(what, attributes, NLMSGERR_ATTR_OFFS),
    };
  } catch (error) {
    if (error instanceof MalformedMessageError) return {};
    throw error;
  }
}
