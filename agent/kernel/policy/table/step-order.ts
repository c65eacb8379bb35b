import type { TableChange } from "../../../plan/policy/state/table-change.ts";

/**
 * New sets and chains before everything else: no packet meets them yet, so that they may be of a transaction before the others. In the given order where a
 * name comes and goes.
 */
export function newPartsFirst(changes: readonly TableChange[]): readonly TableChange[] {
  const removed = new Set(
    changes.flatMap((change) =>
      change.kind === "remove set" || change.kind === "remove chain" ? [change.name] : [],
    ),
  );
  const isNew = (change: TableChange): boolean => nameOfNew(change) !== undefined;
  if (changes.some((change) => removed.has(nameOfNew(change) ?? ""))) return changes;
  return [...changes.filter(isNew), ...changes.filter((change) => !isNew(change))];
}

function nameOfNew(change: TableChange): string | undefined {
  if (change.kind === "add set") return change.spec.name;
  return change.kind === "add chain" ? change.chain.name : undefined;
}
