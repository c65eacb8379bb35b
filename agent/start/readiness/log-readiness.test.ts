import assert from "node:assert/strict";
import { test } from "node:test";
import { createReadiness } from "../../lib/readiness.ts";
import { inPart } from "../../reconcile/runner/in-part.ts";
import { logReadiness } from "./log-readiness.ts";
import { createRecordingLog } from "../../testing/recording-log.ts";

test("the end of a warning is told as its end, not as a part that is ready", () => {
  const log = createRecordingLog();
  const readiness = createReadiness(logReadiness(log));
  readiness.warn("packet filters", "chain ip filter FORWARD drops");
  readiness.warn("packet filters", undefined);
  readiness.set("routes", undefined);
  assert.deepEqual(
    log.lines.map(({ level, message }) => `${level} ${message}`),
    ["warn Warning", "info Warning is over", "info Ready"],
  );
});

test("a part that still waits for something is never called ready in between", async () => {
  const log = createRecordingLog();
  const readiness = createReadiness(logReadiness(log));
  for (let run = 1; run <= 3; run++)
    await inPart(readiness, "node network", async () => "waits for PodCIDRs");
  assert.deepEqual(log.messages("info"), []);
  assert.deepEqual(log.messages("warn"), ["Not ready"]);
  await inPart(readiness, "node network", async () => undefined);
  assert.deepEqual(log.messages("info"), ["Ready"]);
});
