import { inspect } from "node:util";

/** Longest value shown in a fault: a hostile object must not fill the log. */
const MAX_SHOWN_LENGTH = 80;

/**
 * `value` for a message, cut to a bearable length. YAML values may be circular, so this is not simply JSON.
 */
export function showValue(value: unknown): string {
  const text =
    typeof value === "string"
      ? JSON.stringify(value)
      : inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 2, maxArrayLength: 8 });
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH)}…`;
}
