import type { TableChange } from "../../../plan/policy/state/table-change.ts";

/**
 * The transactions that changes are made in, in their order. A chain must be there before a pod is led to it:
 * a packet that is on its way through the table while a transaction is made finds new elements, but the rules
 * of before (nft_do_chain of net/netfilter/nf_tables_core.c takes their generation once), and the rules of a
 * chain of the same transaction are none. So what is new, which no packet meets yet, goes ahead.
 */
export function inTransactions(changes: readonly TableChange[]): readonly (readonly TableChange[])[] {
  return cutWhereNamesReturn(changes).flatMap((part) => {
    const ahead = part.filter((change) => nameOfNew(change) !== undefined);
    const rest = part.filter((change) => nameOfNew(change) === undefined);
    const added = new Set(ahead.map(nameOfNew));
    const leadsThere = rest.some((change) => change.kind === "map pod" && added.has(change.chain));
    return leadsThere ? [ahead, rest] : [[...ahead, ...rest]];
  });
}

/** What has gone and comes again in the same list cannot come before it goes. */
function cutWhereNamesReturn(changes: readonly TableChange[]): readonly (readonly TableChange[])[] {
  const parts: TableChange[][] = [];
  let part: TableChange[] = [];
  let gone = new Set<string>();
  for (const change of changes) {
    if (gone.has(nameOfNew(change) ?? "")) {
      parts.push(part);
      part = [];
      gone = new Set();
    }
    part.push(change);
    if (change.kind === "remove set" || change.kind === "remove chain") gone.add(change.name);
  }
  return part.length > 0 ? [...parts, part] : parts;
}

function nameOfNew(change: TableChange): string | undefined {
  if (change.kind === "add set") return change.spec.name;
  return change.kind === "add chain" ? change.chain.name : undefined;
}
