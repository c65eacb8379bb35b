import { type HostPort, describeHostPort } from "../plan/pods/host-ports.ts";
import type { RateLimit } from "../plan/pods/bandwidth.ts";
import type { RouteKind } from "../plan/peers/count-routes.ts";
import { formatCount } from "../text/count.ts";
import type { AttachmentReport, NodeReport } from "./node-report.ts";

/** Words of a report, the same in the terminal and on the page. */

const STEPS = [
  { unit: "d", ms: 86_400_000 },
  { unit: "h", ms: 3_600_000 },
  { unit: "min", ms: 60_000 },
  { unit: "s", ms: 1000 },
] as const;

/**
 * A duration in its largest unit that fits at least twice, or once for seconds: "90 s", "5 min", "47 h", "12
 * d".
 */
export function formatAge(ms: number): string {
  const step = STEPS.find((candidate) => ms >= 2 * candidate.ms) ?? STEPS[3];
  return `${Math.max(0, Math.floor(ms / step.ms))} ${step.unit}`;
}

/** How old a pod is, as exactly as it is known. */
export function formatPodAge({ createdMs, isOlder }: AttachmentReport, atMs: number): string {
  if (createdMs === undefined) return "unknown";
  return `${isOlder === true ? "at least " : ""}${formatAge(atMs - createdMs)}`;
}

/** A moment as the log has it: RFC 3339 in UTC, with milliseconds. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds as people compare them: three digits. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

const RATES = [
  { unit: "Gbit/s", bits: 1e9 },
  { unit: "Mbit/s", bits: 1e6 },
  { unit: "kbit/s", bits: 1e3 },
] as const;

export function formatRate(bits: number): string {
  const step = RATES.find((candidate) => bits >= candidate.bits) ?? { unit: "bit/s", bits: 1 };
  return `${Number((bits / step.bits).toFixed(1))} ${step.unit}`;
}

/** "tcp 8080 → 80", of all addresses of the node; else with the address in front. */
export function describePort(port: HostPort): string {
  const { protocol, hostPort, hostIp, containerPort } = port;
  const where = hostIp === undefined ? `${protocol} ${hostPort}` : describeHostPort(port);
  return `${where} → ${containerPort}`;
}

export function describeLimits({ ingress, egress }: AttachmentReport["bandwidth"]): readonly string[] {
  const limit = (direction: string, limited: RateLimit | undefined): string[] =>
    limited === undefined ? [] : [`${direction} ${formatRate(limited.rate)}`];
  return [...limit("in", ingress), ...limit("out", egress)];
}

export const ROUTE_WORDS: Readonly<Record<RouteKind, string>> = {
  direct: "direct",
  overlay: "VXLAN",
  encrypted: "WireGuard",
  held: "held",
  unreachable: "unreachable",
};

const COUNTED: readonly RouteKind[] = ["unreachable", "held", "direct", "overlay", "encrypted"];

/** "1 unreachable, 4,998 direct": kinds that there are. */
export function describePeerCounts({ counts }: NodeReport["peers"]): string {
  const parts = COUNTED.flatMap((kind) => {
    const count = counts[kind] ?? 0;
    return count === 0 ? [] : [`${formatCount(count)} ${ROUTE_WORDS[kind]}`];
  });
  return parts.length === 0 ? "none" : parts.join(", ");
}

export function countPeers({ counts }: NodeReport["peers"]): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** A pod as people call it; its container where nobody told the name. */
export function nameOfPod({ pod, containerId }: Pick<AttachmentReport, "pod" | "containerId">): string {
  return pod ?? `container ${containerId.slice(0, 12)}`;
}
