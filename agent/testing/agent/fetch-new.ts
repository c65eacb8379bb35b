import { get } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { FRESH_MS } from "../../http/collect-once.ts";

const PAUSE_MS = 50;

/** What came, and how old it is in seconds, where that is told. */
export interface Fetched {
  readonly status: number;
  readonly text: string;
  readonly age: string | undefined;
}

/** When each URL last gave what was collected for us. */
const collected = new Map<string, number>();

/**
 * Asks until the answer was made for this request: what the agent collects is up to a second old, and says
 * so. Until then every question costs CPU, and has the same answer.
 */
export async function fetchNew(url: string): Promise<Fetched> {
  await delay(Math.max(0, (collected.get(url) ?? Number.NEGATIVE_INFINITY) + FRESH_MS - performance.now()));
  for (;;) {
    const fetched = await fetchOnce(url);
    if (fetched.age === "0") collected.set(url, performance.now());
    if ((fetched.age ?? "0") === "0") return fetched;
    await delay(PAUSE_MS);
  }
}

/** The global fetch takes 20 ms of CPU for its first request. */
function fetchOnce(url: string): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      const { statusCode: status = 0, headers } = response;
      text(response).then((body) => resolve({ status, text: body, age: headers.age }), reject);
    });
    request.once("error", reject);
  });
}
