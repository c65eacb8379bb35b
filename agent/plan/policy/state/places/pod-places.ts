import { familyOf } from "../../../../net/address.ts";
import type { Names } from "../../compile/names.ts";
import { planClosedGroup } from "../../compile/plan-group.ts";
import { selfSpec } from "../../compile/table-sets.ts";
import type { LiveGroups } from "../live-groups.ts";
import type { LiveSets } from "../live-sets.ts";
import {
  type Detour,
  type Membership,
  NOWHERE,
  type Placement,
  placementOf,
  planDetour,
} from "./placement.ts";
import type { PodMaps } from "./pod-maps.ts";

/** Where pods of this node are, and where they go once that stands: see TableBuilder. */
export interface PodPlaces {
  place(key: string, memberships: readonly Membership[], fresh: Iterable<string>): void;
  isWaiting(key: string): boolean;
  /** Moves pods to groups that stand by now. */
  settle(): void;
  /** Gives up where pods are no more: last, since another pod may have come there. */
  leave(): void;
}

export interface PodPlacesInput {
  readonly sets: LiveSets;
  readonly groups: LiveGroups;
  readonly maps: PodMaps;
  readonly names: Names;
}

interface Waiting {
  readonly next: Placement;
  readonly fresh: ReadonlySet<string>;
}

export function createPodPlaces({ sets, groups, maps, names }: PodPlacesInput): PodPlaces {
  const placements = new Map<string, Placement>();
  const waiting = new Map<string, Waiting>();
  const left: Placement[] = [];
  const selfSetOf = (address: string) => sets.sets.get(selfSpec(familyOf(address)).name);

  const join = ({ group, family }: Pick<Membership, "group" | "family">): void => {
    groups.acquire(group);
    sets.publish(sets.acquire(selfSpec(family)).set);
  };
  const move = (key: string, before: Placement, next: Placement): void => {
    for (const { address } of next.entries) selfSetOf(address)?.give(pairOf(address));
    const stays = new Set(next.entries.map(({ map, address }) => `${map} ${address}`));
    for (const { map, address } of before.entries)
      if (!stays.has(`${map} ${address}`)) maps.unmap(map, address, key);
    for (const { map, address, chain } of next.entries) maps.map(map, address, chain, key);
    if (next.groups.length === 0) placements.delete(key);
    else placements.set(key, next);
  };
  const detour = (key: string, before: Placement, { next, fresh }: Waiting): void => {
    const plan = planDetour(before, next, fresh);
    if (plan === undefined) return;
    const closed = closeEach(plan.closed, names);
    for (const membership of closed) join(membership);
    const { groups: more, entries } = placementOf(closed);
    move(key, before, { groups: [...before.groups, ...more], entries: [...plan.kept, ...entries] });
    left.push({ groups: [], entries: before.entries });
  };

  return {
    place(key, memberships, fresh) {
      for (const membership of memberships) join(membership);
      const before = waiting.get(key);
      if (before !== undefined) left.push({ ...before.next, entries: [] });
      const all = new Set([...fresh, ...(before?.fresh ?? [])]);
      waiting.set(key, { next: placementOf(memberships), fresh: all });
    },
    isWaiting: (key) => waiting.has(key),
    settle() {
      for (const [key, wanted] of waiting) {
        const before = placements.get(key) ?? NOWHERE;
        if (!wanted.next.groups.every(({ name }) => groups.stands(name))) {
          detour(key, before, wanted);
          continue;
        }
        waiting.delete(key);
        move(key, before, wanted.next);
        left.push(before);
      }
    },
    leave() {
      for (const { groups: old, entries } of left.splice(0)) {
        for (const { address } of entries) selfSetOf(address)?.take(pairOf(address));
        for (const { name, family } of old) {
          groups.release(name);
          sets.release(selfSpec(family).name);
        }
      }
    },
  };
}

function closeEach(closed: Detour["closed"], names: Names): readonly Membership[] {
  return closed.map(({ direction, address }) => {
    const family = familyOf(address);
    return { direction, family, group: planClosedGroup(direction, family, names), addresses: [address] };
  });
}

function pairOf(address: string): string {
  return `${address} . ${address}`;
}
