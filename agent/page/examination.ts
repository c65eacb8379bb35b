import { messageOf } from "../lib/errors.ts";
import type { DoctorReport, FindingRecord } from "../report/node-report.ts";

/** While somebody looks, the node is examined once in this time, however many they are. */
const PERIOD_MS = 30_000;

/** Findings of before are not shown any more: what they say may be long gone. */
const MAX_AGE_MS = 2 * PERIOD_MS;

export interface ExaminationInput {
  /** Takes a second or so, and must not take it from the agent. */
  readonly examine: () => Promise<readonly FindingRecord[]>;
  /** A clock that nobody sets. */
  readonly nowMs: () => number;
  /** Milliseconds since the epoch. */
  readonly dateMs: () => number;
}

/**
 * Gives what the last examination came to, at once, and starts the next one where it is time. So nothing is
 * examined while nobody asks, and nobody waits.
 */
export function createExamination({ examine, nowMs, dateMs }: ExaminationInput): () => DoctorReport {
  let startedMs = Number.NEGATIVE_INFINITY;
  let isRunning = false;
  let last: { readonly endedMs: number; readonly report: DoctorReport } | undefined;

  async function run(): Promise<void> {
    isRunning = true;
    startedMs = nowMs();
    const report = await examine().then(
      (findings): DoctorReport => ({ kind: "findings", atMs: dateMs(), findings }),
      (error: unknown): DoctorReport => ({ kind: "failed", atMs: dateMs(), reason: messageOf(error) }),
    );
    last = { endedMs: nowMs(), report };
    isRunning = false;
  }

  return () => {
    if (!isRunning && nowMs() - startedMs >= PERIOD_MS) void run();
    if (last === undefined || nowMs() - last.endedMs >= MAX_AGE_MS) return { kind: "running" };
    return last.report;
  };
}
