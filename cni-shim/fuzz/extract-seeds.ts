// Writes the stdin of each recorded plugin call into a folder of fuzzer seeds, one file for each different content.
// usage: node extract-seeds.ts RECORDINGS SEEDS
import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [recordings = ".", seeds = "."] = process.argv.slice(2);

for (const file of globSync("**/*.json", { cwd: recordings })) {
  const { stdin } = JSON.parse(readFileSync(join(recordings, file), "utf8")) as { stdin?: string };
  if (stdin === undefined) continue;
  const name = createHash("sha256").update(stdin).digest("hex").slice(0, 16);
  writeFileSync(join(seeds, name), stdin);
}
