import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { warmUp } from "./warm-up.ts";

/** Longer than all rounds and pauses take. */
const LONG_MS = 1000;

/** Warms up for `runMs`; gives how many ADDs were rehearsed, and how many timers are left. */
async function rehearse(runMs: number, isBusy: (served: number) => boolean) {
  const clock = createFakeClock();
  const stopping = new AbortController();
  let served = 0;
  const rehearsal = { serve: async () => void served++ };
  const done = warmUp({ clock, isBusy: () => isBusy(served), rehearsal }, stopping.signal);
  await clock.advance(runMs);
  stopping.abort();
  await done;
  return { served, timers: clock.pending() };
}

test("warmUp() gives the event loop away between its rounds, and ends by itself", async () => {
  assert.deepEqual(await rehearse(2, () => false), { served: 2, timers: 0 });
  const { served } = await rehearse(LONG_MS, () => false);
  assert.deepEqual(await rehearse(2 * LONG_MS, () => false), { served, timers: 0 });
});

test("warmUp() leaves the CPU to real requests: they warm up by themselves", async () => {
  assert.deepEqual(await rehearse(LONG_MS, (served) => served === 3), { served: 3, timers: 0 });
});

test("warmUp() does not keep an agent that stops", async () => {
  assert.deepEqual(await rehearse(1, () => false), { served: 1, timers: 0 });
});
