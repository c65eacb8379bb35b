import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createScopedRunner, type Scope } from "./scoped-runner.ts";

function setUp(work: () => Promise<"again" | undefined> = () => Promise.resolve(undefined)) {
  const clock = createFakeClock();
  const scopes: Scope[] = [];
  const runner = createScopedRunner(
    (scope) => {
      scopes.push(scope);
      return work();
    },
    { minIntervalMs: 50, retryIntervalMs: 1000, maxIntervalMs: 60_000, clock, onError: () => undefined },
  );
  return { clock, scopes, runner };
}

test("createScopedRunner() looks at the widest that was asked for, and once", async () => {
  const { clock, scopes, runner } = setUp();
  runner.trigger("peers");
  runner.trigger("cluster");
  await clock.advance(0);
  runner.trigger("cluster");
  await clock.advance(50);
  assert.deepEqual(scopes, ["peers", "cluster"]);
});

test("createScopedRunner() looks at everything when nobody asks", async () => {
  const { clock, scopes, runner } = setUp();
  runner.trigger("cluster");
  await clock.advance(60_000);
  assert.deepEqual(scopes, ["cluster", "all"]);
});

for (const { name, work } of [
  { name: "a failure", work: () => Promise.reject(new Error("no")) },
  { name: "a part that was refused", work: () => Promise.resolve("again" as const) },
]) {
  test(`createScopedRunner() looks at everything after ${name}`, async () => {
    const { clock, scopes, runner } = setUp(work);
    runner.trigger("cluster");
    await clock.advance(10);
    runner.trigger("cluster");
    await clock.advance(990);
    assert.deepEqual(scopes, ["cluster", "all"]);
  });
}

test("createScopedRunner() runs for who waits: everything, and not before what is under way has ended", async () => {
  const works: PromiseWithResolvers<undefined>[] = [];
  const { clock, scopes, runner } = setUp(() => {
    works.push(Promise.withResolvers());
    return works.at(-1)?.promise ?? Promise.resolve(undefined);
  });
  runner.trigger("cluster");
  await clock.advance(0);
  const ends: string[] = [];
  const waits = [runner.run().then(() => ends.push("done"))];
  works[0]?.resolve(undefined);
  await clock.advance(50);
  assert.deepEqual({ scopes, ends }, { scopes: ["cluster", "all"], ends: [] });
  works[1]?.resolve(undefined);
  await Promise.all(waits);
  const failed = assert.rejects(runner.run(), /no$/);
  await clock.advance(50);
  works[2]?.reject(new Error("no"));
  await failed;
  const late = assert.rejects(runner.run(), /stopped/);
  await runner.stop();
  await late;
  await assert.rejects(runner.run(), /stopped/);
});
