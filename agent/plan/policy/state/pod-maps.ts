import { POD_MAPS, type PodMap, type PolicyTable } from "../compile/policy-table.ts";
import type { TableChange } from "./table-change.ts";

/** Which chain each address of a pod of this node leads to. */
export interface PodMaps {
  readonly maps: PolicyTable["pods"];
  /** An address that another pod had so far is this one's from now on. */
  map(map: PodMap, address: string, chain: string, owner: string): void;
  /** Does nothing when the address is another pod's by now. */
  unmap(map: PodMap, address: string, owner: string): void;
  collect(): readonly TableChange[];
}

export function createPodMaps(): PodMaps {
  const perMap = <T>(make: () => T): Record<PodMap, T> =>
    Object.fromEntries(POD_MAPS.map((name) => [name, make()])) as Record<PodMap, T>;
  const maps = perMap(() => new Map<string, string>());
  const owners = perMap(() => new Map<string, string>());
  /** By address: the chain before. */
  const touched = perMap(() => new Map<string, string | undefined>());
  const touch = (map: PodMap, address: string): void => {
    if (!touched[map].has(address)) touched[map].set(address, maps[map].get(address));
  };
  return {
    maps,
    map(map, address, chain, owner) {
      touch(map, address);
      maps[map].set(address, chain);
      owners[map].set(address, owner);
    },
    unmap(map, address, owner) {
      if (owners[map].get(address) !== owner) return;
      touch(map, address);
      maps[map].delete(address);
      owners[map].delete(address);
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
