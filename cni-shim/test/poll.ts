import { setTimeout } from "node:timers/promises";

/** Asks until the answer is yes. Throws after `timeoutMs`. */
export async function pollUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 5000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await setTimeout(5);
  }
}
