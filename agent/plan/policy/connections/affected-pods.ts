import { POD_MAPS, type PolicyRule, type PolicyTable } from "../compile/policy-table.ts";
import type { TableChange } from "../state/table-change.ts";

/**
 * Collects which pods of this node are allowed more or less than before, so that no more connections than
 * theirs have to be judged again.
 */
export interface AffectedPods {
  note(changes: readonly TableChange[]): void;
  /**
   * Addresses of these pods, each told once. `hasEnded`: there are connections that were ended, so that what
   * is allowed more counts as well; without any, only what is allowed less.
   */
  take(table: PolicyTable, hasEnded: boolean): ReadonlySet<string>;
}

interface Noted {
  readonly added: Set<string>;
  readonly removed: Set<string>;
  readonly switched: Set<string>;
  readonly freed: Set<string>;
}

export function createAffectedPods(): AffectedPods {
  const noted: Noted = { added: new Set(), removed: new Set(), switched: new Set(), freed: new Set() };
  return {
    note(changes) {
      for (const change of changes) {
        if (change.kind === "add elements") noted.added.add(change.set);
        else if (change.kind === "remove elements") noted.removed.add(change.set);
        else if (change.kind === "map pod") noted.switched.add(change.address);
        else if (change.kind === "unmap pod") noted.freed.add(change.address);
      }
    },
    take(table, hasEnded) {
      const addresses = new Set([...noted.switched, ...(hasEnded ? noted.freed : [])]);
      for (const address of podsOfSets(table, noted, hasEnded)) addresses.add(address);
      for (const each of Object.values(noted) as readonly Set<string>[]) each.clear();
      return addresses;
    },
  };
}

/** Pods whose chains look into sets with other elements than before. */
function podsOfSets(table: PolicyTable, noted: Noted, hasEnded: boolean): readonly string[] {
  if (noted.added.size === 0 && noted.removed.size === 0) return [];
  const known = new Map<string, boolean>();
  const isAffected = (name: string): boolean => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const rules = table.chains.get(name)?.rules ?? [];
    const answer = rules.some(
      (rule) =>
        decidesOtherwise(rule, noted, hasEnded) ||
        (rule.verdict.kind === "goto" && isAffected(rule.verdict.chain)),
    );
    known.set(name, answer);
    return answer;
  };
  return POD_MAPS.flatMap((map) =>
    [...table.pods[map]].flatMap(([address, chain]) => (isAffected(chain) ? [address] : [])),
  );
}

/** Whether a rule may forbid what it did not, or, with `hasEnded`, allow it. */
function decidesOtherwise({ lookups, verdict }: PolicyRule, noted: Noted, hasEnded: boolean): boolean {
  return lookups.some(({ set, isNegated }) => {
    const [more, less] = isNegated ? [noted.removed, noted.added] : [noted.added, noted.removed];
    if (verdict.kind === "goto" || hasEnded) return more.has(set) || less.has(set);
    return (verdict.kind === "return" ? less : more).has(set);
  });
}
