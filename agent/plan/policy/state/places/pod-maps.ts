import { POD_MAPS, type PodMap, type PolicyTable } from "../../compile/policy-table.ts";
import type { TableChange } from "../table-change.ts";

/** Which chain each address of a pod of this node leads to. */
export interface PodMaps {
  readonly maps: PolicyTable["pods"];
  /** Of two pods that say that they have an address, the one that came last. */
  map(map: PodMap, address: string, chain: string, owner: string): void;
  /** Where another pod has the address, too, it is that one's. */
  unmap(map: PodMap, address: string, owner: string): void;
  collect(): readonly TableChange[];
}

export function createPodMaps(): PodMaps {
  const perMap = <T>(make: () => T): Record<PodMap, T> =>
    Object.fromEntries(POD_MAPS.map((name) => [name, make()])) as Record<PodMap, T>;
  const maps = perMap(() => new Map<string, string>());
  /** By address and owner: the chain. */
  const owners = perMap(() => new Map<string, Map<string, string>>());
  /** By address: the chain before. */
  const touched = perMap(() => new Map<string, string | undefined>());
  const settle = (map: PodMap, address: string): void => {
    if (!touched[map].has(address)) touched[map].set(address, maps[map].get(address));
    const chain = [...(owners[map].get(address)?.values() ?? [])].at(-1);
    if (chain === undefined) maps[map].delete(address);
    else maps[map].set(address, chain);
  };
  return {
    maps,
    map(map, address, chain, owner) {
      const chains = owners[map].get(address) ?? new Map<string, string>();
      owners[map].set(address, chains.set(owner, chain));
      settle(map, address);
    },
    unmap(map, address, owner) {
      const chains = owners[map].get(address);
      chains?.delete(owner);
      if (chains?.size === 0) owners[map].delete(address);
      settle(map, address);
    },
    collect() {
      return POD_MAPS.flatMap((map) => {
        const changes = [...touched[map]].flatMap(([address, previous]): TableChange[] => {
          const chain = maps[map].get(address);
          if (chain === previous) return [];
          if (chain !== undefined) return [{ kind: "map pod", map, address, chain, previous }];
          return previous === undefined ? [] : [{ kind: "unmap pod", map, address, chain: previous }];
        });
        touched[map].clear();
        return changes;
      });
    },
  };
}
