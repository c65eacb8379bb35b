import { abridge } from "./abridge.ts";

/** Bytes of texts that come from outside or may hold lists. */
const MAX_TEXT = 400;

/** A text to be kept. A copy: a piece of a request's text would keep the whole of it in memory. */
export function cutText(text: string): string {
  return Buffer.from(abridge(text, MAX_TEXT)).toString();
}
