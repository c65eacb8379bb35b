import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createRest } from "./rest.ts";

function makeRest() {
  const clock = createFakeClock();
  const told: string[] = [];
  const rest = createRest({ clock, begin: () => told.push("begin"), end: () => told.push("end") });
  return { clock, told, rest };
}

test("createRest() begins ten seconds after the last pod, not after the first", async () => {
  const { clock, told, rest } = makeRest();
  rest.disturb();
  await clock.advance(9_000);
  rest.disturb();
  await clock.advance(9_999);
  assert.deepEqual(told, []);
  await clock.advance(1);
  assert.deepEqual(told, ["begin"]);
  assert.equal(clock.pending(), 0);
});

// Collections that give memory back made the first 100 pods of an agent take 1.4 times as long as later ones.
test("createRest() ends with the first pod of a burst, and once", async () => {
  const { clock, told, rest } = makeRest();
  rest.disturb();
  await clock.advance(10_000);
  for (let pod = 0; pod < 100; pod++) rest.disturb();
  assert.deepEqual(told, ["begin", "end"]);
  assert.equal(clock.pending(), 1);
  await clock.advance(10_000);
  assert.deepEqual(told, ["begin", "end", "begin"]);
});

test("createRest() keeps no timer of an agent that stops", async () => {
  const { clock, told, rest } = makeRest();
  rest.disturb();
  rest.stop();
  assert.equal(clock.pending(), 0);
  await clock.advance(60_000);
  assert.deepEqual(told, []);
});
