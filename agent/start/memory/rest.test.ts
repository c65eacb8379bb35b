import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createRest } from "./rest.ts";

/** More than any wait of these tests. */
const LONG_MS = 100_000;

function makeRest() {
  const clock = createFakeClock();
  const told: string[] = [];
  const pods = { inWork: 0 };
  const stopping = new AbortController();
  const isBusy = (): boolean => pods.inWork > 0;
  const rest = createRest(
    { clock, isBusy, begin: () => told.push("begin"), end: () => told.push("end") },
    stopping.signal,
  );
  /** Pods that come every `everyMs`, for so long. */
  const come = async (everyMs: number, forMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < forMs; passedMs += everyMs) {
      rest.disturb();
      await clock.advance(everyMs);
    }
  };
  return { clock, told, pods, rest, come, stop: () => stopping.abort() };
}

test("createRest() begins ten seconds after the last pod, not after the first", async () => {
  const { clock, told, come } = makeRest();
  await come(9000, 18_000);
  assert.deepEqual(told, ["end"]);
  await clock.advance(999);
  assert.deepEqual(told, ["end"]);
  await clock.advance(1);
  assert.deepEqual(told, ["end", "begin"]);
  assert.equal(clock.pending(), 0);
});

// Collections that give memory back made the first 100 pods of an agent take 1.4 times as long as later ones.
test("createRest() ends with the first pod of a burst, and once", async () => {
  const { clock, told, rest, come } = makeRest();
  await come(10_000, 10_000);
  for (let pod = 0; pod < 100; pod++) rest.disturb();
  assert.deepEqual(told, ["end", "begin", "end"]);
  assert.equal(clock.pending(), 1);
});

test("createRest() does not begin while pods are being made, as when they wait for policies", async () => {
  const { clock, told, pods, rest } = makeRest();
  pods.inWork = 90;
  rest.disturb();
  await clock.advance(30_000);
  assert.deepEqual(told, ["end"]);
  pods.inWork = 0;
  await clock.advance(1000);
  assert.deepEqual(told, ["end", "begin"]);
});

test("createRest() begins after a minute where pods come or fail all the time, and ends after a pause only", async () => {
  const { clock, told, pods, come } = makeRest();
  pods.inWork = 1;
  await come(5000, 300_000);
  assert.deepEqual(told, ["end", "begin"]);
  pods.inWork = 0;
  await clock.advance(5000);
  await come(5000, 5000);
  assert.deepEqual(told, ["end", "begin", "end"]);
});

// An agent that stops serves what waits in its socket's queue: it then lived ten seconds longer.
test("createRest() keeps no timer of an agent that stops, whoever still comes", async () => {
  const { clock, told, rest, stop } = makeRest();
  rest.disturb();
  stop();
  await clock.advance(LONG_MS);
  rest.disturb();
  assert.equal(clock.pending(), 0);
  assert.deepEqual(told, ["end"]);
});
