import assert from "node:assert/strict";
import { test } from "node:test";
import { createAddService } from "./serve-add.ts";

test("an ADD takes one trip to a thread, and sets options of no socket but the pod's", async () => {
  const { serve, asked } = createAddService();
  for (let pod = 1; pod <= 3; pod++) await serve(pod);
  assert.deepEqual(asked, { trips: 3, prepared: [11, 11, 11] });
});
