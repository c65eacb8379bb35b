import { setTimeout as delay } from "node:timers/promises";

/** Long enough for a machine with a load of 15; what never comes is only told later. */
const DEADLINE_MS = 60_000;
/** Most polls start programs, and take CPU from what they wait for: a long wait is polled seldom. */
const LEAST_POLL_MS = 5;
const MOST_POLL_MS = 50;
const PART_OF_WAIT = 1 / 8;

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
  const startMs = performance.now();
  for (let deadlineMs = startMs + DEADLINE_MS; ; await delay(pollMs(performance.now() - startMs))) {
    if (await holds()) return;
    if (performance.now() < deadlineMs) continue;
    const now = JSON.stringify(await describe(), undefined, 1);
    if (now === seen || now === '""') throw new Error(`Not within ${DEADLINE_MS} ms: ${what} ${now}`);
    seen = now;
    deadlineMs = performance.now() + DEADLINE_MS;
  }
}

function pollMs(waitedMs: number): number {
  return Math.min(MOST_POLL_MS, Math.max(LEAST_POLL_MS, waitedMs * PART_OF_WAIT));
}
