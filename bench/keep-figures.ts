/**
 * Keeps in docs/figures what the charts of docs/benchmarks.md show of the benches' last results.
 * `npm run docs` draws them. A bench that has not run keeps its figures.
 * usage: npm run bench:keep
 */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RowSummary } from "./table.ts";

interface Results {
  readonly machine: string;
  readonly summaries: readonly RowSummary[];
}

const FOLDER = join(import.meta.dirname, "..", "docs", "figures");

/** Results of a bench by the name of their figures. */
const SOURCES: Readonly<Record<string, string>> = {
  commands: "results.json",
  policy: "policy-results.json",
};

for (const [name, file] of Object.entries(SOURCES)) {
  const path = join(import.meta.dirname, file);
  if (!existsSync(path)) continue;
  const { machine, summaries } = JSON.parse(readFileSync(path, "utf8")) as Results;
  const rows = summaries.map((row) => ({
    name: row.name,
    lines: row.lines.map(({ id, median, ofBaseline }) => ({
      id,
      median: rounded(median),
      ofBaseline: rounded(ofBaseline.ratio),
    })),
  }));
  const date = statSync(path).mtime.toISOString().slice(0, 10);
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify({ machine, date, rows }, undefined, 1)}\n`);
}

/** Four digits: more are noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
