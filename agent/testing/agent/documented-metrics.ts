import { readFileSync } from "node:fs";

/** A metric as a row of docs/metrics.md. */
export interface DocumentedMetric {
  readonly type: string;
  readonly labels: readonly string[];
}

/** All rows of the tables of docs/metrics.md, by name. */
export function documentedMetrics(): ReadonlyMap<string, DocumentedMetric> {
  const text = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");
  const rows = text.matchAll(/^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\| .+ \|$/gm);
  return new Map(
    [...rows].map(([, name = "", type = "", labels = ""]) => [
      name,
      { type, labels: labels.split(", ").filter((label) => label !== "") },
    ]),
  );
}
