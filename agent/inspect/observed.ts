import type { Observed } from "../diagnosis/finding.ts";
import { messageOf } from "../lib/errors.ts";

/** What was observed, or why it could not be. */
export async function observed<Value>(observe: () => Promise<Value>): Promise<Observed<Value>> {
  return observe().then(
    (value) => ({ value }),
    (error: unknown) => ({ error: messageOf(error) }),
  );
}
