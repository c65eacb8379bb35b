import { setTimeout as delay } from "node:timers/promises";
import { FRESH_MS } from "../../http/collect-once.ts";

const PAUSE_MS = 50;

/** When each URL last gave what was collected for us. */
const collected = new Map<string, number>();

/**
 * Asks until the answer was made for this request: what the agent collects is up to a second old, and says
 * so. Until then every question costs CPU, and has the same answer.
 */
export async function fetchNew(url: string, init: RequestInit = {}): Promise<Response> {
  await delay(Math.max(0, (collected.get(url) ?? Number.NEGATIVE_INFINITY) + FRESH_MS - performance.now()));
  for (;;) {
    const response = await fetch(url, init);
    const age = response.headers.get("age");
    if (age === "0") collected.set(url, performance.now());
    if ((age ?? "0") === "0") return response;
    await response.body?.cancel();
    await delay(PAUSE_MS);
  }
}
