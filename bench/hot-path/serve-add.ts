import { createMetrics } from "../../agent/metrics/metrics.ts";
import { createActivity } from "../../agent/report/recent/activity.ts";
import { createRehearsal, type Rehearsal } from "../../agent/start/warm-up/rehearsal.ts";

/** Serves ADDs from the frame of the shim to reply, metrics and log; only the kernel is missing. */
export function createAddService(): Rehearsal {
  const metrics = createMetrics({ version: "", nodeVersion: "", codes: [] });
  const activity = createActivity(Date.now);
  return createRehearsal({
    observe(call) {
      metrics.observeRequest(call.command, call.code, call.ms / 1000);
      activity.served(call);
    },
  });
}
