import {
  encodeBatch,
  isEnd,
  type NetlinkRequest,
  parseMessages,
  sortAnswers,
} from "../../netlink/message/message.ts";
import type { Native } from "./native.ts";

/** Looks at some entries of a dump. The next ones are read when what it gives has resolved. */
export type VisitPart = (payloads: readonly Buffer[]) => void | Promise<void>;

/** Some 300 connections, which are looked at within a few milliseconds. */
const PART_BYTES = 64 * 1024;

const FIRST_SEQ = 1;

/**
 * Reads a dump part by part, through a socket that is used for nothing else: the kernel keeps the place, and
 * what `visit` does goes through others. Throws a NetlinkError.
 */
export async function walkDump(
  native: Pick<Native, "request">,
  socket: number,
  request: NetlinkRequest,
  visit: VisitPart,
): Promise<void> {
  const bytes = encodeBatch([request], FIRST_SEQ);
  for (let isResumed = false; ; isResumed = true) {
    const [answer] = await native.request([{ fd: socket, bytes, atLeast: PART_BYTES, isResumed }]);
    const messages = parseMessages(answer ?? Buffer.alloc(0));
    const end = messages.findIndex(isEnd);
    await visit(messages.slice(0, end < 0 ? messages.length : end).map(({ payload }) => payload));
    if (end < 0) continue;
    const [outcome] = sortAnswers([request], FIRST_SEQ, messages.slice(end));
    if (outcome?.status === "failed") throw outcome.error;
    return;
  }
}
