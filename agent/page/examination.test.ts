import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FindingRecord } from "../report/node-report.ts";
import { createExamination } from "./examination.ts";

const FINDING: FindingRecord = { name: "kernel", verdict: "ok", evidence: "Linux has all that is needed" };
const RESULT = { kind: "findings", atMs: 1, findings: [FINDING] };

interface Setup {
  readonly look: ReturnType<typeof createExamination>;
  /** Ends what runs. */
  finish(error?: Error): Promise<void>;
  readonly runs: () => number;
  nowMs: number;
}

function setUp(): Setup {
  let runs = 0;
  let ends = Promise.withResolvers<readonly FindingRecord[]>();
  const setup: Setup = {
    look: createExamination({
      examine() {
        runs++;
        ends = Promise.withResolvers();
        return ends.promise;
      },
      nowMs: () => setup.nowMs,
      dateMs: () => 1,
    }),
    async finish(error) {
      if (error === undefined) ends.resolve([FINDING]);
      else ends.reject(error);
      await nextTurn();
    },
    runs: () => runs,
    nowMs: 0,
  };
  return setup;
}

test("a node at which nobody looks is not examined, and no viewer waits for it", async () => {
  const setup = setUp();
  assert.equal(setup.runs(), 0);
  assert.deepEqual(setup.look(), { kind: "running" });
  assert.equal(setup.runs(), 1);
  await setup.finish();
  assert.deepEqual(setup.look(), RESULT);
});

test("many viewers have the node examined once in thirty seconds, and never twice at a time", async () => {
  const setup = setUp();
  for (let viewer = 0; viewer < 10; viewer++) setup.look();
  setup.nowMs = 40_000;
  setup.look();
  assert.equal(setup.runs(), 1, "the first one still runs");
  await setup.finish();
  setup.look();
  assert.equal(setup.runs(), 2);
  await setup.finish();
  setup.nowMs += 29_999;
  setup.look();
  assert.equal(setup.runs(), 2);
});

test("findings of an hour ago do not pass for the node's state", async () => {
  const setup = setUp();
  setup.look();
  await setup.finish();
  setup.nowMs = 3_600_000;
  assert.deepEqual(setup.look(), { kind: "running" });
  await setup.finish();
  assert.deepEqual(setup.look(), RESULT);
});

test("an examination that fails says why, and the next one is not lost", async () => {
  const setup = setUp();
  setup.look();
  await setup.finish(new Error("no memory"));
  assert.deepEqual(setup.look(), { kind: "failed", atMs: 1, reason: "no memory" });
  setup.nowMs = 30_000;
  setup.look();
  await setup.finish();
  assert.deepEqual(setup.look(), RESULT);
});
