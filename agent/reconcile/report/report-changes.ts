import type { Change } from "../../kernel/types.ts";
import type { Log } from "../../log/log.ts";

/** How many changes of one run are logged one by one: a cluster has thousands of routes. */
const MAX_LOGGED = 10;

export interface ChangeReporterInput {
  readonly log: Log;
  /** Hears of everything that somebody changed and that was put back. */
  readonly onRepair: (kind: string, fault: string) => void;
}

/** Tells what a run has changed. With the same plan as before it was somebody else who made it necessary. */
export type ReportChanges = (changes: readonly Change[], options: { readonly isRepair: boolean }) => void;

export function createChangeReporter({ log, onRepair }: ChangeReporterInput): ReportChanges {
  return (changes, { isRepair }) => {
    if (changes.length === 0) return;
    if (!isRepair) {
      log.info({ changes: countByKind(changes) }, "Applied the plan");
      return;
    }
    for (const { kind, fault } of changes) onRepair(kind, fault);
    for (const { kind, fault } of changes.slice(0, MAX_LOGGED)) log.warn({ kind, fault }, "Repaired drift");
    if (changes.length > MAX_LOGGED) log.warn({ changes: countByKind(changes) }, "Repaired drift");
  };
}

function countByKind(changes: readonly Change[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind } of changes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
