import type { Family } from "../../../../net/address.ts";
import type { GroupPlan } from "../../compile/plan-group.ts";
import { type PodMap, podMapOf } from "../../compile/policy-table.ts";
import { DIRECTIONS, type Direction } from "../../model.ts";

/** A group that a pod is in, and the pod's addresses that lead there: none before its ADD. */
export interface Membership {
  readonly group: GroupPlan;
  readonly direction: Direction;
  readonly family: Family;
  readonly addresses: readonly string[];
}

/** Where a pod is: its groups, and which chain its addresses lead to. */
export interface Placement {
  readonly groups: readonly { readonly name: string; readonly family: Family }[];
  readonly entries: readonly PodEntry[];
}

export interface PodEntry {
  readonly map: PodMap;
  readonly address: string;
  readonly chain: string;
}

export const NOWHERE: Placement = { groups: [], entries: [] };

export function placementOf(memberships: readonly Membership[]): Placement {
  return {
    groups: memberships.map(({ group, family }) => ({ name: group.name, family })),
    entries: memberships.flatMap(({ group, direction, family, addresses }) =>
      addresses.map((address) => ({ map: podMapOf(direction, family), address, chain: group.name })),
    ),
  };
}

/** What of a pod cannot wait until the groups where it goes are ready. */
export interface Detour {
  /** Entries of before, of addresses that the pod still has. */
  readonly kept: readonly PodEntry[];
  /** Fresh addresses, closed until then. */
  readonly closed: readonly (Omit<PodEntry, "chain"> & { readonly direction: Direction })[];
}

/** `fresh`: addresses that the pod may have been given since. Undefined: nothing differs. */
export function planDetour(
  before: Placement,
  next: Placement,
  fresh: ReadonlySet<string>,
): Detour | undefined {
  const of = ({ entries }: Placement): ReadonlySet<string> => new Set(entries.map(({ address }) => address));
  const [had, has] = [of(before), of(next)];
  const kept = before.entries.filter(({ address }) => has.has(address));
  const closed = next.entries
    .filter(({ address }) => fresh.has(address) && !had.has(address))
    .map(({ map, address }) => ({ map, address, direction: directionOf(map) }));
  return kept.length === before.entries.length && closed.length === 0 ? undefined : { kept, closed };
}

function directionOf(map: PodMap): Direction {
  return (
    DIRECTIONS.find((direction) => map === podMapOf(direction, 4) || map === podMapOf(direction, 6)) ??
    "ingress"
  );
}
