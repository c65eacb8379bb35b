import assert from "node:assert/strict";
import { test } from "node:test";
import { type ServedCall } from "../../cni/server.ts";
import { createRehearsal } from "./rehearsal.ts";

test("an ADD takes one trip to a thread, and sets options of no socket but the pod's", async () => {
  const calls: ServedCall[] = [];
  const { serve, asked } = createRehearsal({ observe: (call) => calls.push(call) });
  for (let pod = 1; pod <= 3; pod++) await serve(pod);
  assert.deepEqual(asked, { trips: 3, prepared: [11, 11, 11] });
  assert.deepEqual(
    calls.map(({ command, code, pod }) => ({ command, code, pod })),
    [1, 2, 3].map((pod) => ({ command: "ADD", code: 0, pod: `none/pod-${pod}` })),
  );
});
