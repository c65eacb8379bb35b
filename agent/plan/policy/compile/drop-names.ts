import type { Denial, PolicyTable } from "./policy-table.ts";

/** Name of what drops for a rule of a chain: the kernel's log and counters have it. */
export function dropName(chain: string, rule: number): string {
  return `${chain}-d${rule}`;
}

/** Why whatever has this name drops; undefined when the table has no such rule any more. */
export function findDenial({ chains }: PolicyTable, name: string): Denial | undefined {
  const [, chain = "", rule] = /^(.*)-d(\d+)$/.exec(name) ?? [];
  const verdict = chains.get(chain)?.rules[Number(rule)]?.verdict;
  return verdict?.kind === "drop" ? verdict.denial : undefined;
}
