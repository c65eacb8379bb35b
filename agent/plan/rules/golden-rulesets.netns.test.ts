import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { runOnHost } from "../../testing/machine/netns.ts";

const files = globSync("agent/plan/rules/golden/*.nft");
assert.ok(files.length > 0);

for (const file of files) {
  test(`nft accepts ${file}`, async () => {
    await runOnHost("nft", "--check", "--file", file);
  });
}
