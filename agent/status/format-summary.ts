import type { NodeReport } from "../report/node-report.ts";
import { printable } from "../text/printable.ts";

/**
 * The report as one line for tables of many nodes: six fields with tabs between them, "-" for what is not
 * known.
 */
export function formatSummary(report: NodeReport, silence: string | undefined): string {
  const { readiness, pools, attachments, peers, agent } = report;
  const free = pools.map(({ size, taken, cooling }) => size - taken - cooling);
  const reasons = [...(readiness?.reasons ?? []), ...(readiness?.warnings ?? [])];
  const [first] = reasons.map(({ part, reason }) => `${part}: ${reason}`);
  const unreachable = (peers.counts.unreachable ?? 0) + (peers.counts.held ?? 0);
  const fields = [
    silence === undefined ? (readiness?.isReady === true ? "yes" : "no") : "unknown",
    String(attachments.length),
    free.length === 0 ? "-" : free.join(","),
    silence === undefined ? String(unreachable) : "-",
    agent?.version ?? "-",
    silence === undefined ? (first ?? "-") : `the agent does not answer: ${silence}`,
  ];
  return `${fields.map(printable).join("\t")}\n`;
}
