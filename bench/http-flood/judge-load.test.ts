import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeLoad, summarizeLoad } from "./judge-load.ts";
import type { Round } from "./measure.ts";

const QUIET: Round = { addMs: Array.from({ length: 100 }, () => 2), probeMs: [1], peakMb: 70, cpuPercent: 0 };

function outcomes(...loaded: readonly Round[]): string[] {
  const each = loaded.map((round) => summarizeLoad("flood", [round], [QUIET]));
  const quiet = loaded.map(() => QUIET);
  const whole = summarizeLoad("flood", loaded, quiet);
  return judgeLoad(whole, each).map(({ outcome }) => outcome);
}

test("judgeLoad() meets budgets that are kept", () => {
  assert.deepEqual(outcomes({ ...QUIET, probeMs: [3, 90], peakMb: 80 }), ["met", "met", "met"]);
});

test("judgeLoad() calls missed what is beyond its bound in every round, and forgives one round", () => {
  const slow: Round = { addMs: QUIET.addMs.map(() => 6), probeMs: [200], peakMb: 120, cpuPercent: 90 };
  assert.deepEqual(outcomes(slow, slow), ["missed", "missed", "missed"]);
  assert.deepEqual(outcomes(slow, slow, QUIET), ["unsure", "unsure", "unsure"]);
});

test("judgeLoad() fails a probe that is not answered", () => {
  const silent: Round = { ...QUIET, probeMs: [1, Number.NaN] };
  assert.deepEqual(outcomes(silent, silent), ["met", "missed", "met"]);
});

test("judgeLoad() does not miss the budget of ADD's p99 for one spoiled round of three, and does for two", () => {
  const spoiled: Round = { ...QUIET, addMs: QUIET.addMs.map((ms, index) => (index < 10 ? 40 : ms)) };
  assert.deepEqual(outcomes(QUIET, spoiled, QUIET), ["met", "met", "met"]);
  assert.deepEqual(outcomes(spoiled, QUIET, spoiled), ["unsure", "met", "met"]);
});
