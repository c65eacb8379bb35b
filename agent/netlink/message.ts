import {
  align,
  formatHeader,
  getS32,
  getU32,
  HEADER_LENGTH,
  parseMessages as splitMessages,
} from "netlink/dist/structs.js";
import { readAttributes, reading, readText, readU32 } from "./attributes.ts";
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
} from "./constants.ts";
import { MalformedMessageError } from "./malformed-message-error.ts";
import { NetlinkError, type NetlinkErrorInput } from "./netlink-error.ts";

/** One request as plain data; sequence number, NLM_F_REQUEST and NLM_F_ACK are added when it is encoded. */
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
  /**
   * Messages around this one, under its sequence number and without an acknowledgement of their own: a transaction of nfnetlink, whose parts
   * succeed or fail together. It is answered once by the acknowledgement of this message, or by the first error of any.
   */
  readonly around?: { readonly before: readonly MessageBody[]; readonly after: readonly MessageBody[] };
}

/** A message without what its place in a batch decides. */
export type MessageBody = Pick<NetlinkRequest, "type" | "flags" | "payload">;

/** One message of the kernel. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Buffer;
}

/** What became of one request. Skipped: an earlier step failed, so this one was not sent. */
export type Outcome =
  | { readonly status: "done"; readonly replies: readonly NetlinkMessage[]; readonly interrupted: boolean }
  | { readonly status: "failed"; readonly error: NetlinkError }
  | { readonly status: "skipped" };

export function isDump(request: NetlinkRequest): boolean {
  return (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
}

/**
 * One batch for one send: request `n` gets the sequence number `firstSeq + n` (32 bits, wrapping). The buffer owns its memory, so that the
 * sender can free it.
 */
export function encodeBatch(requests: readonly NetlinkRequest[], firstSeq: number): Buffer {
  const messages = requests.flatMap(messagesOf);
  const batch = Buffer.allocUnsafeSlow(messages.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  const append = (piece: Uint8Array): void => {
    batch.set(piece, offset);
    offset += piece.length;
  };
  for (const { index, length, type, flags, payload } of messages) {
    append(formatHeader({ length, type, flags, seq: (firstSeq + index) >>> 0, port: 0 }));
    payload.forEach(append);
  }
  return batch;
}

interface PlacedMessage extends MessageBody {
  /** Of the request that it belongs to. */
  readonly index: number;
  readonly length: number;
}

function messagesOf(request: NetlinkRequest, index: number): readonly PlacedMessage[] {
  const place = ({ type, flags, payload }: MessageBody, extraFlags: number): PlacedMessage => {
    const length = payload.reduce((sum, piece) => sum + piece.length, HEADER_LENGTH);
    if (align(length) !== length)
      throw new RangeError(`Cannot encode "${request.what}": payload not aligned`);
    return { index, length, type, flags: flags | NLM_F_REQUEST | extraFlags, payload };
  };
  const own = place(request, isDump(request) ? 0 : NLM_F_ACK);
  if (request.around === undefined) return [own];
  const { before, after } = request.around;
  return [...before.map((body) => place(body, 0)), own, ...after.map((body) => place(body, 0))];
}

/** Splits what was received; throws {@link MalformedMessageError}. */
export function parseMessages(bytes: Buffer): NetlinkMessage[] {
  return reading("netlink messages", () =>
    splitMessages(bytes).map(({ type, flags, seq, data }) => ({ type, flags, seq, payload: data })),
  );
}

/**
 * Sorts the answers to a batch by request. Every request must have been answered to its end, by an acknowledgement, an error or the
 * end of a dump; throws {@link MalformedMessageError} otherwise.
 */
export function parseAnswers(
  requests: readonly NetlinkRequest[],
  firstSeq: number,
  bytes: Buffer,
): Outcome[] {
  const outcomes: (Outcome | undefined)[] = requests.map(() => undefined);
  const replies: NetlinkMessage[][] = requests.map(() => []);
  const interrupted = new Set<number>();
  for (const message of parseMessages(bytes)) {
    const index = (message.seq - firstSeq) >>> 0;
    const request = requests[index];
    if (request === undefined) throw new MalformedMessageError(`Unexpected sequence number ${message.seq}`);
    if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted.add(index);
    if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
      const error = parseEnd(request.what, message);
      outcomes[index] =
        error === undefined
          ? { status: "done", replies: replies[index] ?? [], interrupted: interrupted.has(index) }
          : { status: "failed", error };
    } else if (message.type !== NLMSG_NOOP) {
      replies[index]?.push(message);
    }
  }
  return outcomes.map((outcome, index) => {
    if (outcome !== undefined) return outcome;
    throw new MalformedMessageError(`Cannot ${requests[index]?.what ?? "ask"}: the kernel gave no answer`);
  });
}

/** Error of NLMSG_ERROR or NLMSG_DONE, undefined for success: both begin with a negative error number (0: success). */
function parseEnd(what: string, message: NetlinkMessage): NetlinkError | undefined {
  const { type, flags, payload } = message;
  const minimum = type === NLMSG_ERROR ? 4 + HEADER_LENGTH : 4;
  if (payload.length < minimum) throw new MalformedMessageError(`Cannot ${what}: truncated acknowledgement`);
  const errno = -getS32(payload.subarray(0, 4));
  if (errno < 0) throw new MalformedMessageError(`Cannot ${what}: strange error number ${-errno}`);
  if (errno === 0) return undefined;
  return new NetlinkError({ errno, what, ...((flags & NLM_F_ACK_TLVS) === 0 ? {} : parseExtack(message)) });
}

/**
 * Text and offset behind the header of the request, or behind the whole request where the kernel did not cap it (netlink(7),
 * NETLINK_CAP_ACK). A fault here is no error: the error number counts more than its explanation.
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
