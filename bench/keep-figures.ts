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

interface Source {
  readonly file: string;
  /** Undefined: all of them. */
  readonly rows?: readonly string[];
}

/** Results of a bench by the name of their figures. */
const SOURCES: Readonly<Record<string, Source>> = {
  commands: {
    file: "results.json",
    rows: ["ADD, one by one", "ADD, 100 at once, total", "DEL, 100 at once, total"],
  },
  policy: { file: "policy-results.json" },
};

for (const [name, { file, rows: kept }] of Object.entries(SOURCES)) {
  const path = join(import.meta.dirname, file);
  if (!existsSync(path)) continue;
  const { machine, summaries } = JSON.parse(readFileSync(path, "utf8")) as Results;
  const rows = summaries
    .filter((row) => kept?.includes(row.name) ?? true)
    .map((row) => ({
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
