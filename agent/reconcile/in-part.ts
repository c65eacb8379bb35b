import { messageOf } from "../errors.ts";
import type { Readiness, ReadinessPart } from "../readiness.ts";

/** Runs all that a part of readiness waits for: it is ready once this has succeeded, and tells why it has not. */
export async function inPart(
  readiness: Pick<Readiness, "set">,
  part: ReadinessPart,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
    readiness.set(part, undefined);
  } catch (error) {
    readiness.set(part, messageOf(error));
    throw error;
  }
}
