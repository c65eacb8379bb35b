// Writes the stdin of each recorded plugin call into a folder of fuzzer seeds, one file for each different
// content.
// usage: node extract-seeds.ts RECORDINGS SEEDS
import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [recordings = ".", seeds = "."] = process.argv.slice(2);

for (const file of globSync("**/*.{json,jsonl}", { cwd: recordings })) {
  const text = readFileSync(join(recordings, file), "utf8");
  for (const call of file.endsWith(".jsonl") ? text.trim().split("\n") : [text]) {
    const { stdin } = JSON.parse(call) as { stdin?: unknown };
    if (stdin === undefined) continue;
    const seed = typeof stdin === "string" ? stdin : JSON.stringify(stdin);
    const name = createHash("sha256").update(seed).digest("hex").slice(0, 16);
    writeFileSync(join(seeds, name), seed);
  }
}
