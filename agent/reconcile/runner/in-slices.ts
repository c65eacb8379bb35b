import { setImmediate } from "node:timers/promises";

/** How long others wait at most: pods' requests, probes and the renewal of leases among them. */
const SLICE_MS = 10;

/**
 * Does the work for all items, in turns of the event loop that are short however many there are; what comes
 * before and what follows have turns of their own.
 */
export async function inSlices<Item>(items: readonly Item[], work: (item: Item) => void): Promise<void> {
  await setImmediate();
  let startMs = performance.now();
  for (const item of items) {
    work(item);
    if (performance.now() - startMs < SLICE_MS) continue;
    await setImmediate();
    startMs = performance.now();
  }
  await setImmediate();
}
