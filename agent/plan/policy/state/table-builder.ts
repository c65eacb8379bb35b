import { type Family, familyOf } from "../../../net/address.ts";
import type { Names } from "../compile/names.ts";
import type { GroupPlan } from "../compile/plan-group.ts";
import { type PodMap, type PolicyTable, podMapOf } from "../compile/policy-table.ts";
import type { SetPlan } from "../compile/set-plan.ts";
import { type PodNetwork, podNetworkElements, selfSpec } from "../compile/table-sets.ts";
import type { Direction } from "../model.ts";
import { createLiveGroups } from "./live-groups.ts";
import { createLiveSets } from "./live-sets.ts";
import type { MemberLists } from "./members.ts";
import { createPodMaps } from "./pod-maps.ts";
import { inOrder, type TableChange } from "./table-change.ts";

/** A group that a pod is in, and the pod's addresses that lead there: none before its ADD. */
export interface Membership {
  readonly group: GroupPlan;
  readonly direction: Direction;
  readonly family: Family;
  readonly addresses: readonly string[];
}

export interface TableBuilder {
  readonly table: PolicyTable;
  /** Puts a pod of this node into groups, and out of those where it was. */
  place(key: string, memberships: readonly Membership[]): void;
  setNetwork(network: PodNetwork): void;
  /** What became of the table since it was last asked. */
  collect(): readonly TableChange[];
}

/** Where a pod is: its groups, and which chain its addresses lead to. */
interface Placement {
  readonly groups: readonly { readonly name: string; readonly family: Family }[];
  readonly entries: readonly { readonly map: PodMap; readonly address: string; readonly chain: string }[];
}

const NOWHERE: Placement = { groups: [], entries: [] };

export function createTableBuilder(lists: MemberLists, names: Names, initial: PodNetwork): TableBuilder {
  let network = initial;
  const sets = createLiveSets();
  const maps = createPodMaps();
  const placements = new Map<string, Placement>();
  /** Where pods are no more: given up last, since another pod may have come there. */
  const left: Placement[] = [];
  const openSet = ({ spec, fixed, sources }: SetPlan, family: Family): void => {
    const { set, isNew } = sets.acquire(spec);
    if (!isNew) return;
    for (const element of podNetworkElements(spec.name, network) ?? fixed) set.give(element);
    for (const source of sources) lists.feed(set, source, family);
  };
  const closeSet = ({ spec, sources }: SetPlan): void => {
    const set = sets.sets.get(spec.name);
    if (set === undefined || !sets.release(spec.name)) return;
    lists.stop(set, sources);
    names.forget(spec.name);
  };
  const groups = createLiveGroups({ onSet: openSet, onSetGone: closeSet, onGone: names.forget });
  const selfSetOf = (address: string) => sets.sets.get(selfSpec(familyOf(address)).name);
  return {
    table: { sets: sets.sets, chains: groups.chains, pods: maps.maps },
    place(key, memberships) {
      const before = placements.get(key) ?? NOWHERE;
      const next = placementOf(memberships);
      const { entries } = next;
      for (const { group, family } of memberships) {
        groups.acquire(group);
        sets.acquire(selfSpec(family));
      }
      for (const { address } of entries) selfSetOf(address)?.give(pairOf(address));
      const stays = new Set(entries.map(({ map, address }) => `${map} ${address}`));
      for (const { map, address } of before.entries)
        if (!stays.has(`${map} ${address}`)) maps.unmap(map, address, key);
      for (const { map, address, chain } of entries) maps.map(map, address, chain, key);
      left.push(before);
      if (memberships.length === 0) placements.delete(key);
      else placements.set(key, next);
    },
    setNetwork(next) {
      for (const [name, set] of sets.sets) {
        const elements = podNetworkElements(name, next);
        if (elements === undefined) continue;
        for (const element of podNetworkElements(name, network) ?? []) set.take(element);
        for (const element of elements) set.give(element);
      }
      network = next;
    },
    collect() {
      for (const { groups: old, entries } of left.splice(0)) {
        for (const { address } of entries) selfSetOf(address)?.take(pairOf(address));
        for (const { name, family } of old) {
          groups.release(name);
          sets.release(selfSpec(family).name);
        }
      }
      return inOrder([...sets.collect(), ...groups.collect(), ...maps.collect()]);
    },
  };
}

function placementOf(memberships: readonly Membership[]): Placement {
  return {
    groups: memberships.map(({ group, family }) => ({ name: group.name, family })),
    entries: memberships.flatMap(({ group, direction, family, addresses }) =>
      addresses.map((address) => ({ map: podMapOf(direction, family), address, chain: group.name })),
    ),
  };
}

function pairOf(address: string): string {
  return `${address} . ${address}`;
}
