import { POD_MAPS, type PolicySet, type PolicyTable } from "../compile/policy-table.ts";
import { inOrder, type TableChange } from "./table-change.ts";

/**
 * What turns one table into another, such as one that was read back into the one that should be. Names tell
 * content, but for the elements of sets; a set or chain of the same name that is declared otherwise is not
 * among ours.
 */
export function diffTables(before: PolicyTable, after: PolicyTable): readonly TableChange[] {
  const chains = [...after.chains.values()].filter(({ name }) => !before.chains.has(name));
  const oldChains = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  return inOrder([
    ...[...before.sets.keys()]
      .filter((name) => !after.sets.has(name))
      .map((name): TableChange => ({ kind: "remove set", name })),
    ...[...after.sets.values()].flatMap((set) => diffSet(before.sets.get(set.spec.name), set)),
    ...chains.map((chain): TableChange => ({ kind: "add chain", chain })),
    // In the other order than they were added: one that leads to another goes before it.
    ...oldChains.toReversed().map((name): TableChange => ({ kind: "remove chain", name })),
    ...POD_MAPS.flatMap((map) => diffMap(map, before, after)),
  ]);
}

function diffSet(before: PolicySet | undefined, { spec, elements }: PolicySet): readonly TableChange[] {
  if (before === undefined) return [{ kind: "add set", spec, elements: [...elements.keys()] }];
  const gone = [...before.elements.keys()].filter((element) => !elements.has(element));
  const come = [...elements.keys()].filter((element) => !before.elements.has(element));
  return [
    ...(gone.length > 0 ? [{ kind: "remove elements", set: spec.name, elements: gone } as const] : []),
    ...(come.length > 0 ? [{ kind: "add elements", set: spec.name, elements: come } as const] : []),
  ];
}

function diffMap(
  map: (typeof POD_MAPS)[number],
  before: PolicyTable,
  after: PolicyTable,
): readonly TableChange[] {
  const [old, next] = [before.pods[map], after.pods[map]];
  return [
    ...[...old]
      .filter(([address]) => !next.has(address))
      .map(([address, chain]): TableChange => ({ kind: "unmap pod", map, address, chain })),
    ...[...next]
      .filter(([address, chain]) => old.get(address) !== chain)
      .map(
        ([address, chain]): TableChange => ({
          kind: "map pod",
          map,
          address,
          chain,
          previous: old.get(address),
        }),
      ),
  ];
}
