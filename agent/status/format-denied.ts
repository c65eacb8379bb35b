import type { DeniedRecord, NodeReport } from "../report/node-report.ts";
import { formatTime } from "../report/words.ts";
import { formatCount } from "../text/count.ts";
import { printable } from "../text/printable.ts";
import { textTable } from "./text-table.ts";

const HEADS = ["WHEN", "DIRECTION", "FROM", "TO", "PORT", "PACKETS", "WHY"];

/** What policies have denied, as lines of a table. */
export function deniedLines(denied: readonly DeniedRecord[]): readonly string[] {
  if (denied.length === 0) return ["none"];
  const rows = denied.map(({ atMs, direction, from, to, port, packets, reason, hint }) => [
    formatTime(atMs),
    direction,
    from,
    to,
    port,
    formatCount(packets),
    hint === undefined ? reason : `${reason}; ${hint}`,
  ]);
  return textTable(HEADS, rows);
}

export interface DeniedText {
  readonly report: NodeReport;
  /** Why the agent does not answer; undefined when it made the report. */
  readonly silence: string | undefined;
}

/** The same alone, as text for a terminal; ends with a newline. */
export function formatDenied({ report, silence }: DeniedText): string {
  if (silence !== undefined) return `the agent, which alone knows, does not answer: ${printable(silence)}\n`;
  return `${deniedLines(report.denied ?? []).join("\n")}\n`;
}
