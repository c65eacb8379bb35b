import assert from "node:assert/strict";
import { test } from "node:test";
import { shippedFile } from "../../lib/shipped.ts";
import { makeNetns } from "../../testing/machine/netns.ts";

for (const { environment, isColoured } of [
  { environment: ["-u", "NO_COLOR"], isColoured: true },
  { environment: ["NO_COLOR="], isColoured: true },
  { environment: ["NO_COLOR=1"], isColoured: false },
])
  test(`status on a terminal with env ${environment.join(" ")}: colours ${isColoured}`, async () => {
    const node = await makeNetns();
    try {
      const command = `${process.execPath} ${shippedFile("causeway.mjs").pathname} status --socket /nowhere/a; true`;
      const text = await node.run("env", ...environment, "script", "-qec", command, "/dev/null");
      assert.match(text, /the agent does not answer/);
      assert.equal(text.includes("\u001b["), isColoured, text);
    } finally {
      await node.remove();
    }
  });
