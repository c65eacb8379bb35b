import assert from "node:assert/strict";
import { test } from "node:test";
import { createRecordingLog } from "../../testing/recording-log.ts";
import { createActivity } from "./activity.ts";

const CALL = { command: "ADD", code: 0, ms: 1.5, pod: "team/web", containerId: "c1", ifname: "eth0" };

test("createActivity() keeps the last calls, but not that a kubelet polls", () => {
  const activity = createActivity(() => 7);
  activity.served({ ...CALL, error: undefined });
  activity.served({ ...CALL, command: "STATUS", error: undefined });
  activity.served({ ...CALL, command: "STATUS", code: 50, error: "no PodCIDR" });
  assert.deepEqual(
    activity.calls().map(({ atMs, command, code }) => [atMs, command, code]),
    [
      [7, "STATUS", 50],
      [7, "ADD", 0],
    ],
  );
});

test("createActivity() is bounded, in number and in length", () => {
  const activity = createActivity(() => 0);
  const long = "x".repeat(10_000);
  for (let count = 0; count < 1000; count++) {
    activity.served({ ...CALL, code: 5, error: long });
    activity.repaired("route", long);
    activity.noting(createRecordingLog()).warn({ reason: long }, long);
  }
  const { calls, repairs, problems } = activity;
  assert.deepEqual([calls().length, repairs().length, problems().length], [64, 32, 32]);
  assert.ok(JSON.stringify([calls(), repairs(), problems()]).length < 100_000);
});

test("noting() passes everything on, and remembers warnings and errors with their fields", () => {
  const activity = createActivity(() => 0);
  const log = createRecordingLog();
  const noting = activity.noting(log);
  noting.debug({}, "fine");
  noting.info({}, "fine too");
  noting.warn({ part: "routes", reason: "no uplink" }, "Not ready");
  noting.error({ error: "EPERM" }, "Cannot do it");
  noting.warn({ kind: "route", fault: "add route" }, "Repaired drift");
  noting.warn({ command: "ADD", code: 101, error: "all are taken" }, "CNI request failed");
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ["debug", "info", "warn", "error", "warn", "warn"],
  );
  assert.deepEqual(
    activity.problems().map(({ level, message }) => `${level} ${message}`),
    ["error Cannot do it: EPERM", "warn Not ready: routes, no uplink"],
  );
});
