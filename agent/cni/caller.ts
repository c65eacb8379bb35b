import { encodeReplyFrame, type Reply } from "./request/frame.ts";
import type { Caller } from "./verbs/context.ts";

/** What becomes of a connection. */
export interface CallerTransport {
  reply(connection: number, bytes: Uint8Array): void;
  /** Closes without a reply. */
  drop(connection: number): void;
  /** Whether the peer has hung up by now. */
  isGone(connection: number): boolean;
  /** Of an open connection. */
  descriptorOf(connection: number): number | undefined;
}

/** A caller that is answered once. */
export interface OpenCaller extends Caller {
  /** Answers, unless an early reply has done so; ends the connection. */
  answer(reply: Reply): void;
}

/** What an empty socket takes at once; a result is some 600 bytes. */
const MAX_EARLY_REPLY_BYTES = 16 * 1024;

/** Whoever waits at the other end of a connection. */
export function createCaller(transport: CallerTransport, connection: number): OpenCaller {
  let isAnswered = false;
  return {
    // Who has an answer may hang up before we hear that it has one.
    isGone: () => !isAnswered && transport.isGone(connection),
    isAnswered: () => isAnswered,
    earlyReply(stdout) {
      const socket = transport.descriptorOf(connection);
      const bytes = encodeReplyFrame({ exitCode: 0, stdout });
      if (socket === undefined || bytes.length > MAX_EARLY_REPLY_BYTES) return undefined;
      return { socket, bytes, sent: () => void (isAnswered = true) };
    },
    answer(reply) {
      if (isAnswered) transport.drop(connection);
      else transport.reply(connection, encodeReplyFrame(reply));
    },
  };
}
