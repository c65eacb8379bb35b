import assert from "node:assert/strict";
import { test } from "node:test";
import { createReadiness } from "../../lib/readiness.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { tellReadiness } from "./tell-readiness.ts";

const MINUTE = 60_000;

function startTelling() {
  const clock = createFakeClock();
  const readiness = createReadiness(() => undefined);
  const told: string[] = [];
  const stop = tellReadiness({ readiness, clock, tell: (reason, note) => told.push(`${reason} ${note}`) });
  const becomeReady = (): void => {
    for (const { part } of readiness.reasons()) readiness.set(part, undefined);
  };
  return { clock, readiness, told, stop, becomeReady };
}

test("a node that is ready within a minute, as after each start, sends no event", async () => {
  const { clock, told, becomeReady } = startTelling();
  await clock.advance(MINUTE / 2);
  becomeReady();
  await clock.advance(10 * MINUTE);
  assert.deepEqual(told, []);
});

test("nobody who looks at the Node learned why it stays not ready", async () => {
  const { clock, readiness, told, becomeReady } = startTelling();
  becomeReady();
  readiness.set("masquerade", "the kernel has no NAT");
  readiness.set("routes", "ENOBUFS");
  await clock.advance(2 * MINUTE);
  assert.deepEqual(told, ["PodNetworkNotReady masquerade: the kernel has no NAT; routes: ENOBUFS"]);
  await clock.advance(30 * MINUTE);
  assert.equal(told.length, 1, "what lasts is told once");
  await clock.advance(31 * MINUTE);
  assert.equal(told.length, 2, "and again before nothing of it is left");
});

test("a warning is an event of its own kind, and one that comes back is told again", async () => {
  const { clock, readiness, told, becomeReady } = startTelling();
  becomeReady();
  readiness.warn("MTU", "packets are fragmented");
  readiness.warn("packet filters", "chain ip filter FORWARD drops");
  await clock.advance(2 * MINUTE);
  assert.deepEqual(told, ["MTUTooSmall packets are fragmented"]);
  readiness.warn("MTU", undefined);
  await clock.advance(MINUTE);
  readiness.warn("MTU", "packets are cut");
  await clock.advance(2 * MINUTE);
  assert.deepEqual(told.slice(1), ["MTUTooSmall packets are cut"]);
});

test("nothing is told after the end", async () => {
  const { clock, told, stop } = startTelling();
  await clock.advance(MINUTE);
  stop();
  await clock.advance(10 * MINUTE);
  assert.deepEqual(told, []);
  assert.equal(clock.pending(), 0);
});
