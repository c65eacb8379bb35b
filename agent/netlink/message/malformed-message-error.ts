/**
 * What the kernel sent cannot be read: truncated, of an unexpected length, or without a part that is always
 * there.
 */
export class MalformedMessageError extends Error {
  override readonly name = "MalformedMessageError";
  readonly code = "EBADMSG";
}
