import { setTimeout as delay } from "node:timers/promises";

/** Long enough for a machine with a load of 15; what never comes is only told later. */
const DEADLINE_MS = 60_000;
const POLL_MS = 5;

/** Waits until `holds` gives something true; after a deadline throws, with `what` and what `describe` gives. */
export async function eventually(
  what: string,
  holds: () => unknown,
  describe: () => unknown = () => "",
): Promise<void> {
  for (const deadlineMs = performance.now() + DEADLINE_MS; ; await delay(POLL_MS)) {
    if (await holds()) return;
    if (performance.now() < deadlineMs) continue;
    throw new Error(
      `Not within ${DEADLINE_MS} ms: ${what} ${JSON.stringify(await describe(), undefined, 1)}`,
    );
  }
}
