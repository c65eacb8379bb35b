import { messageOf } from "../../lib/errors.ts";
import type { Readiness, ReadinessPart } from "../../lib/readiness.ts";

/**
 * Runs all that a part of readiness waits for: it is ready once this has succeeded, and tells why it has not.
 * `work` answers what it still waits for, so that a part is never called ready for a moment.
 */
export async function inPart(
  readiness: Pick<Readiness, "set">,
  part: ReadinessPart,
  work: () => Promise<string | void>,
): Promise<void> {
  try {
    readiness.set(part, (await work()) ?? undefined);
  } catch (error) {
    readiness.set(part, messageOf(error));
    throw error;
  }
}
