import type { Names } from "../compile/names.ts";
import type { PolicyTable } from "../compile/policy-table.ts";
import type { PodNetwork } from "../compile/table-sets.ts";
import { createLiveGroups, type LiveGroups } from "./live-groups.ts";
import { createLiveSets } from "./live-sets.ts";
import type { MemberLists } from "./members.ts";
import type { Membership } from "./places/placement.ts";
import { createPodMaps } from "./places/pod-maps.ts";
import { createPodPlaces } from "./places/pod-places.ts";
import { createSetFiller } from "./set-filler.ts";
import { inOrder, type TableChange } from "./table-change.ts";

export interface TableBuilder {
  readonly table: PolicyTable;
  /**
   * Puts a pod of this node into groups, and out of those where it was, once the new ones stand. Until then
   * it stays where it was, without addresses that it has no more; `fresh` ones are closed.
   */
  place(key: string, memberships: readonly Membership[], fresh: Iterable<string>): void;
  /** Whether the pod is not where it was placed last. */
  isWaiting(key: string): boolean;
  setNetwork(network: PodNetwork): void;
  /** Goes on with filling sets, until about so many elements were given. */
  fill(looks: number): void;
  isFilling(): boolean;
  /**
   * What became of the table since it was last asked. `isHeld`: who matches the selectors of new groups is
   * not known yet, so that no pod goes there.
   */
  collect(isHeld: boolean): readonly TableChange[];
}

export function createTableBuilder(lists: MemberLists, names: Names, network: PodNetwork): TableBuilder {
  const sets = createLiveSets();
  const filler = createSetFiller(sets, lists, network);
  const maps = createPodMaps();
  const groups: LiveGroups = createLiveGroups({
    onSet: filler.open,
    onSetGone(plan) {
      if (filler.close(plan)) names.forget(plan.spec.name);
    },
    onGone: names.forget,
  });
  const places = createPodPlaces({ sets, groups, maps, names });
  const raise = (isHeld: boolean): void =>
    groups.raise(({ sets: own }) =>
      own.every(({ spec, sources }) => filler.isFull(spec.name) && !(isHeld && sources.length > 0)),
    );
  return {
    table: { sets: sets.sets, chains: groups.chains, pods: maps.maps },
    place: places.place,
    isWaiting: places.isWaiting,
    setNetwork: filler.setNetwork,
    fill: filler.fill,
    isFilling: filler.isBusy,
    collect(isHeld) {
      raise(isHeld);
      places.settle();
      // Those of pods that wait.
      raise(isHeld);
      places.leave();
      return inOrder([...sets.collect(), ...groups.collect(), ...maps.collect()]);
    },
  };
}
