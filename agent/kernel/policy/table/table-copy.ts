import {
  POD_MAPS,
  type PodMap,
  type PolicyChain,
  type PolicyTable,
  type SetSpec,
} from "../../../plan/policy/compile/policy-table.ts";
import type { TableChange } from "../../../plan/policy/state/table-change.ts";

/** What the kernel has, as far as our own changes tell. */
export interface TableCopy {
  readonly table: PolicyTable;
  apply(change: TableChange): void;
}

interface SetCopy {
  readonly spec: SetSpec;
  readonly elements: Map<string, true>;
  readonly revision: number;
}

/** Takes a table as it is now; nobody else changes the copy. */
export function copyTable(from: PolicyTable): TableCopy {
  const sets = new Map<string, SetCopy>();
  for (const { spec, elements } of from.sets.values()) sets.set(spec.name, copySet(spec, elements.keys()));
  const chains = new Map<string, PolicyChain>(from.chains);
  const pods = Object.fromEntries(POD_MAPS.map((map) => [map, new Map(from.pods[map])])) as Record<
    PodMap,
    Map<string, string>
  >;
  const elementsOf = (set: string): Map<string, true> => {
    const found = sets.get(set);
    if (found === undefined)
      throw new RangeError(`Cannot change set "${set}" of the policy table: there is none`);
    return found.elements;
  };
  const apply = (change: TableChange): void => {
    switch (change.kind) {
      case "add set":
        sets.set(change.spec.name, copySet(change.spec, change.elements));
        return;
      case "remove set":
        sets.delete(change.name);
        return;
      case "add elements":
        for (const element of change.elements) elementsOf(change.set).set(element, true);
        return;
      case "remove elements":
        for (const element of change.elements) elementsOf(change.set).delete(element);
        return;
      case "add chain":
        chains.set(change.chain.name, change.chain);
        return;
      case "remove chain":
        chains.delete(change.name);
        return;
      case "map pod":
        pods[change.map].set(change.address, change.chain);
        return;
      case "unmap pod":
        pods[change.map].delete(change.address);
    }
  };
  return { table: { sets, chains, pods }, apply };
}

function copySet(spec: SetSpec, elements: Iterable<string>): SetCopy {
  const copied = new Map<string, true>();
  for (const element of elements) copied.set(element, true);
  return { spec, elements: copied, revision: 0 };
}
