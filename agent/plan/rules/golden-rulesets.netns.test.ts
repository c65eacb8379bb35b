import { globSync } from "node:fs";
import { test } from "node:test";
import { runOnHost } from "../../testing/machine/netns.ts";

for (const file of globSync("agent/plan/golden/*.nft")) {
  test(`nft accepts ${file}`, async () => {
    await runOnHost("nft", "--check", "--file", file);
  });
}
