import { setTimeout as delay } from "node:timers/promises";

const DEADLINE_MS = 5000;
const INTERVAL_MS = 2;

/** Waits until `check` answers true, or throws with what was waited for and what `state` tells. */
export async function eventually(
  what: string,
  check: () => boolean,
  state: () => unknown = () => "",
): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!check()) {
    if (performance.now() > endMs)
      throw new Error(`Waited ${DEADLINE_MS} ms in vain: ${what} ${JSON.stringify(state())}`);
    await delay(INTERVAL_MS);
  }
}
