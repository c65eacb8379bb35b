import { setTimeout as delay } from "node:timers/promises";

/** Long enough for a machine with a load of 15; what never comes is only told later. */
const DEADLINE_MS = 60_000;
const POLL_MS = 5;

/**
 * Waits until `holds` gives something true. Throws, with `what` and what `describe` gives, once a deadline
 * has passed in which that has not changed: what goes on slowly is no failure.
 */
export async function eventually(
  what: string,
  holds: () => unknown,
  describe: () => unknown = () => "",
): Promise<void> {
  let seen = "";
  for (let deadlineMs = performance.now() + DEADLINE_MS; ; await delay(POLL_MS)) {
    if (await holds()) return;
    if (performance.now() < deadlineMs) continue;
    const now = JSON.stringify(await describe(), undefined, 1);
    if (now === seen || now === '""') throw new Error(`Not within ${DEADLINE_MS} ms: ${what} ${now}`);
    seen = now;
    deadlineMs = performance.now() + DEADLINE_MS;
  }
}
