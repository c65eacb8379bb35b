import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createDrift } from "./drift.ts";

function setUp() {
  const clock = createFakeClock();
  const triggers: number[] = [];
  const setup = { clock, triggers, isBusy: false };
  const drift = createDrift({
    clock,
    isBusy: () => setup.isBusy,
    trigger: () => triggers.push(clock.nowMs()),
  });
  return Object.assign(setup, { drift });
}

test("createDrift() follows a notification at once on a quiet node", () => {
  const { drift, triggers } = setUp();
  drift.noticed();
  assert.deepEqual(triggers, [0]);
});

test("createDrift() waits until our own changes have settled, and follows once for many notifications", async () => {
  const { clock, drift, triggers } = setUp();
  drift.changed();
  drift.noticed();
  drift.noticed();
  await clock.advance(999);
  assert.deepEqual(triggers, []);
  await clock.advance(1);
  assert.deepEqual(triggers, [1000]);
});

test("createDrift() follows within 5 s however many pods come and go", async () => {
  const setup = setUp();
  setup.isBusy = true;
  setup.drift.noticed();
  await setup.clock.advance(10_000);
  assert.deepEqual(setup.triggers, [5000]);
});

test("stop() ends what waits", async () => {
  const { clock, drift, triggers } = setUp();
  drift.changed();
  drift.noticed();
  drift.stop();
  await clock.advance(10_000);
  assert.deepEqual(triggers, []);
});
