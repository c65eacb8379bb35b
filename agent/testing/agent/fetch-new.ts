import { setTimeout as delay } from "node:timers/promises";

const PAUSE_MS = 50;

/**
 * Asks until the answer was made for this request: what the agent collects is up to a second old, and says
 * so.
 */
export async function fetchNew(url: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const response = await fetch(url, init);
    if ((response.headers.get("age") ?? "0") === "0") return response;
    await response.body?.cancel();
    await delay(PAUSE_MS);
  }
}
