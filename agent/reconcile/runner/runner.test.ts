import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock, type FakeClock } from "../../testing/fake-clock.ts";
import { createRunner, type Runner } from "./runner.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly runner: Runner;
  /** Times at which the work began. */
  readonly runs: number[];
  readonly errors: unknown[];
  /** What the work does next. */
  work: () => Promise<"again" | void>;
}

function setUp(): Setup {
  const clock = createFakeClock();
  const setup: Setup = {
    clock,
    runs: [],
    errors: [],
    work: () => Promise.resolve(),
    runner: createRunner(
      () => {
        setup.runs.push(clock.nowMs());
        return setup.work();
      },
      {
        minIntervalMs: 50,
        retryIntervalMs: 1000,
        maxIntervalMs: 60_000,
        clock,
        onError: (error) => setup.errors.push(error),
      },
    ),
  };
  return setup;
}

test("createRunner() runs at once when triggered, and once for many triggers", async () => {
  const { clock, runner, runs } = setUp();
  runner.trigger();
  runner.trigger();
  await clock.advance(0);
  assert.deepEqual(runs, [0]);
  runner.trigger();
  runner.trigger();
  await clock.advance(49);
  assert.deepEqual(runs, [0]);
  await clock.advance(1);
  assert.deepEqual(runs, [0, 50]);
});

test("createRunner() runs again after a trigger that came while it ran: its plan may be older than the event", async () => {
  const setup = setUp();
  const { clock, runner, runs } = setup;
  let finish = (): void => undefined;
  setup.work = () => new Promise((resolve) => (finish = resolve));
  runner.trigger();
  await clock.advance(10);
  runner.trigger();
  setup.work = () => Promise.resolve();
  finish();
  await clock.advance(50);
  assert.deepEqual(runs, [0, 60]);
});

test("createRunner() repairs drift without a trigger", async () => {
  const { clock, runner, runs } = setUp();
  runner.trigger();
  await clock.advance(120_000);
  assert.deepEqual(runs, [0, 60_000, 120_000]);
});

test("createRunner() backs off after failures, also when triggered meanwhile, and recovers", async () => {
  const setup = setUp();
  const { clock, runner, runs, errors } = setup;
  setup.work = () => Promise.reject(new Error("no"));
  runner.trigger();
  await clock.advance(500);
  runner.trigger();
  await clock.advance(2500);
  assert.deepEqual(runs, [0, 1000, 3000]);
  assert.equal(errors.length, 3);
  setup.work = () => Promise.resolve();
  await clock.advance(4000);
  runner.trigger();
  await clock.advance(50);
  assert.deepEqual(runs, [0, 1000, 3000, 7000, 7050]);
});

test("createRunner() rests in proportion to the work, so that a storm of changes leaves the node most of its CPU", async () => {
  const setup = setUp();
  const { clock, runner, runs } = setup;
  const takes = (ms: number) => () => new Promise<void>((resolve) => void clock.after(ms, resolve));
  setup.work = takes(20);
  for (let ms = 0; ms < 400; ms += 10) {
    runner.trigger();
    await clock.advance(10);
  }
  assert.deepEqual(runs, [0, 100, 200, 300, 400]);
  setup.work = takes(1000);
  runner.trigger();
  await clock.advance(1100);
  runner.trigger();
  await clock.advance(500);
  assert.deepEqual(runs.slice(5), [500, 2000]);
});

test("createRunner() does not let a long wait after failures keep a later change from being served", async () => {
  const setup = setUp();
  const { clock, runner, runs } = setup;
  setup.work = () => Promise.reject(new Error("no"));
  runner.trigger();
  await clock.advance(7000);
  assert.deepEqual(runs, [0, 1000, 3000, 7000]);
  runner.trigger();
  await clock.advance(1000);
  assert.deepEqual(runs.at(-1), 8000);
});

test("createRunner() tries again, with growing waits, what the work could only do in part", async () => {
  const setup = setUp();
  const { clock, runner, runs, errors } = setup;
  setup.work = () => Promise.resolve("again");
  runner.trigger();
  await clock.advance(3000);
  assert.deepEqual(runs, [0, 1000, 3000]);
  assert.deepEqual(errors, []);
});

test("createRunner() tries again every 10 s, however often it has failed: of a module that was installed nobody tells it, and nodes healed up to a minute later", async () => {
  const setup = setUp();
  const { clock, runner, runs } = setup;
  setup.work = () => Promise.reject(new Error("no"));
  runner.trigger();
  await clock.advance(600_000);
  setup.work = () => Promise.resolve();
  const failed = runs.length;
  await clock.advance(10_000);
  assert.deepEqual(runs.slice(0, 7), [0, 1000, 3000, 7000, 15_000, 25_000, 35_000]);
  assert.equal(runs.length, failed + 1);
});

test("createRunner() tries what takes long less often: every 10 s it took 5 % of a core among 5,000 nodes", async () => {
  const setup = setUp();
  const { clock, runner, runs } = setup;
  const failsAfter = (ms: number) => () =>
    new Promise<void>((_, reject) => void clock.after(ms, () => reject(new Error("no"))));
  setup.work = failsAfter(500);
  runner.trigger();
  await clock.advance(31_000 + 5 * 500 + 2 * 20_500);
  assert.deepEqual(runs, [0, 1500, 4000, 8500, 17_000, 33_500, 54_000, 74_500]);
  // Never longer than without a fault.
  setup.work = failsAfter(5000);
  await clock.advance(100_000);
  assert.deepEqual(runs.slice(8), [95_000, 160_000]);
});

test("stop() ends timers and waits for the run under way", async () => {
  const setup = setUp();
  const { clock, runner, runs } = setup;
  let finish = (): void => undefined;
  setup.work = () => new Promise((resolve) => (finish = resolve));
  runner.trigger();
  await clock.advance(0);
  let stopped = false;
  const stopping = runner.stop().then(() => (stopped = true));
  await clock.advance(0);
  assert.equal(stopped, false);
  finish();
  await stopping;
  await clock.advance(120_000);
  assert.deepEqual(runs, [0]);
});
