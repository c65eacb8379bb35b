import type { Netns } from "../lib/netns.ts";
import { WORLD } from "../nodes/cluster-network.ts";
import type { Cell } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import type { Sense } from "./watch.ts";

/** Somebody who shall get something. */
export interface Target {
  readonly netns: Netns;
  readonly address: string;
  readonly sense: Sense;
}

/** Index of a family in a pair of addresses. */
export function indexOf({ family }: Pick<Cell, "family">): 0 | 1 {
  return family === 4 ? 0 : 1;
}

/** The second pods of the victims' nodes. */
export function podTargets(lab: AttackLab, cell: Cell): readonly Target[] {
  return lab.victims(cell).map(({ pods: [, { netns, addresses }] }) => ({
    netns,
    address: addresses[indexOf(cell)],
    sense: "links",
  }));
}

/** The victims' nodes themselves, as far as they have an address of the family. */
export function nodeTargets(lab: AttackLab, cell: Cell): readonly Target[] {
  return lab
    .victims(cell)
    .flatMap(({ netns, place }) =>
      place.addresses
        .filter((address) => address.includes(":") === (cell.family === 6))
        .map((address) => ({ netns, address, sense: "socket" as const })),
    );
}

/** What is behind the router and knows nothing of pods. */
export function worldTarget({ network }: AttackLab, cell: Cell): Target {
  return { netns: network.router, address: WORLD[indexOf(cell)], sense: "links" };
}
