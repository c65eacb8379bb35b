import assert from "node:assert/strict";
import {
  POD_MAPS,
  type PolicyChain,
  type PolicyTable,
  type SetSpec,
} from "../../plan/policy/compile/policy-table.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";

/** A table that is changed as the kernel's is, and refuses what the kernel refuses. */
export interface TableMirror {
  readonly table: PolicyTable;
  apply(changes: readonly TableChange[]): void;
}

/** Content alone, for comparison. */
export function contentOf({ sets, chains, pods }: PolicyTable): unknown {
  const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
    [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    sets: sorted(sets).map(([name, { spec, elements }]) => [name, spec, [...elements.keys()].toSorted()]),
    chains: sorted(chains),
    pods: POD_MAPS.map((map) => [map, sorted(pods[map])]),
  };
}

export function createTableMirror(): TableMirror {
  const sets = new Map<
    string,
    { readonly spec: SetSpec; readonly elements: Map<string, true>; revision: number }
  >();
  const chains = new Map<string, PolicyChain>();
  const pods = {
    "pods-out4": new Map(),
    "pods-out6": new Map(),
    "pods-in4": new Map(),
    "pods-in6": new Map(),
  } as const;
  const maps: Readonly<Record<(typeof POD_MAPS)[number], Map<string, string>>> = pods;
  const rules = () => [...chains.values()].flatMap((chain) => chain.rules);
  const isTarget = (name: string): boolean =>
    rules().some(({ verdict }) => verdict.kind === "goto" && verdict.chain === name) ||
    POD_MAPS.some((map) => [...maps[map].values()].includes(name));
  const setOf = (name: string) => {
    const set = sets.get(name);
    assert.ok(set, `set ${name} is there`);
    set.revision += 1;
    return set;
  };

  const add = (name: string, elements: readonly string[]): void => {
    for (const element of elements) {
      assert.ok(!setOf(name).elements.has(element), `${name} lacks ${element}`);
      setOf(name).elements.set(element, true);
    }
  };
  const addChain = (chain: PolicyChain): void => {
    assert.ok(!chains.has(chain.name), `chain ${chain.name} is new`);
    for (const { lookups, verdict } of chain.rules) {
      for (const { set } of lookups) assert.ok(sets.has(set), `set ${set} is there`);
      if (verdict.kind === "goto") assert.ok(chains.has(verdict.chain), `chain ${verdict.chain} is there`);
    }
    chains.set(chain.name, chain);
  };

  const apply = (change: TableChange): void => {
    switch (change.kind) {
      case "add set":
        assert.ok(!sets.has(change.spec.name), `set ${change.spec.name} is new`);
        sets.set(change.spec.name, { spec: change.spec, elements: new Map(), revision: 0 });
        add(change.spec.name, change.elements);
        return;
      case "add elements":
        add(change.set, change.elements);
        return;
      case "remove elements":
        for (const element of change.elements)
          assert.ok(setOf(change.set).elements.delete(element), `${change.set} has ${element}`);
        return;
      case "remove set":
        assert.ok(
          !rules().some(({ lookups }) => lookups.some(({ set }) => set === change.name)),
          `no rule names set ${change.name}`,
        );
        assert.ok(sets.delete(change.name), `set ${change.name} is there`);
        return;
      case "add chain":
        addChain(change.chain);
        return;
      case "remove chain":
        assert.ok(!isTarget(change.name), `nothing leads to chain ${change.name}`);
        assert.ok(chains.delete(change.name), `chain ${change.name} is there`);
        return;
      case "map pod":
        assert.equal(
          maps[change.map].get(change.address),
          change.previous,
          `${change.address} of ${change.map}`,
        );
        assert.ok(chains.has(change.chain), `chain ${change.chain} is there`);
        maps[change.map].set(change.address, change.chain);
        return;
      case "unmap pod":
        assert.equal(
          maps[change.map].get(change.address),
          change.chain,
          `${change.address} of ${change.map}`,
        );
        maps[change.map].delete(change.address);
    }
  };
  return {
    table: { sets, chains, pods },
    apply(changes) {
      for (const change of changes) apply(change);
    },
  };
}
