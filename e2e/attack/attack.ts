import type { AttackLab } from "./attack-lab.ts";

/**
 * Where the victim is, seen from the attacker: on its node, on a node of the same subnet, or behind the
 * overlay.
 */
export type Place = "node" | "direct" | "vxlan";

/** One cell of the table: what is sent, and where to. */
export interface Cell {
  readonly family: 4 | 6;
  readonly place: Place;
}

/** One attack, made in each of its cells for real; `run` throws when it is successful. */
export interface Attack {
  readonly title: string;
  /** None: the attack is on the agent itself, not on packets. */
  readonly cells: readonly Cell[];
  readonly run: (lab: AttackLab, cell: Cell) => Promise<void>;
}

/** Attacks of one kind, under the heading of their tests. */
export interface AttackGroup {
  readonly title: string;
  readonly attacks: readonly Attack[];
  /** Puts back what the group has changed for itself. */
  readonly end?: () => Promise<void>;
}

export const PLACES_OF_VICTIMS: readonly Place[] = ["node", "direct", "vxlan"];

export const FAMILIES = [4, 6] as const;

/** The cells of both families at these places. */
export function cellsAt(...places: readonly Place[]): readonly Cell[] {
  return FAMILIES.flatMap((family) => places.map((place) => ({ family, place })));
}

/** The cells of one family at these places. */
export function cellsOf(family: 4 | 6, ...places: readonly Place[]): readonly Cell[] {
  return places.map((place) => ({ family, place }));
}

export const EVERYWHERE: readonly Cell[] = cellsAt(...PLACES_OF_VICTIMS);

/** What an attack without cells is run with. */
export const NO_CELL: Cell = { family: 4, place: "node" };

export function describeCell({ family, place }: Cell): string {
  const where = { node: "on one node", direct: "direct", vxlan: "VXLAN" }[place];
  return `IPv${family}, ${where}`;
}
