import assert from "node:assert/strict";
import { test } from "node:test";
import { createWatchdog } from "./watchdog.ts";

const MINUTE = 60_000;
const START = { cpuMs: 0, ms: 0 };

test("a guest hangs that computes or sleeps in silence, and not one that a busy machine keeps waiting", () => {
  const watchdog = createWatchdog(START);
  assert.equal(watchdog.judge({ cpuMs: MINUTE, ms: 50 * MINUTE }), undefined);
  assert.match(
    watchdog.judge({ cpuMs: 6 * MINUTE, ms: 7 * MINUTE }) ?? "",
    /hung: no word for 420 s, in which it took 360 s of CPU/,
  );
  assert.match(watchdog.judge({ cpuMs: 0, ms: 61 * MINUTE }) ?? "", /hung/);
  watchdog.hear("✔ pods talk (12.5ms)", { cpuMs: 6 * MINUTE, ms: 7 * MINUTE });
  assert.equal(watchdog.judge({ cpuMs: 6 * MINUTE, ms: 7 * MINUTE }), undefined);
});

test("a guest hangs also when its kernel says so again and again", () => {
  const watchdog = createWatchdog(START);
  for (let minute = 1; minute <= 6; minute++)
    watchdog.hear("[  124.000042] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [node:71]", {
      cpuMs: minute * MINUTE,
      ms: minute * MINUTE,
    });
  assert.match(watchdog.judge({ cpuMs: 6 * MINUTE, ms: 6 * MINUTE }) ?? "", /hung/);
});
