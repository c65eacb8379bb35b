import { datagramFrame, sendFrames } from "./assault.ts";
import { type Attack, type AttackGroup, type Cell, cellsAt, EVERYWHERE } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { WORLD } from "../nodes/cluster-network.ts";
import { assertNothingArrives, type Sense } from "./watch.ts";

/** Whose address a pod lies about, for a victim on a node; the second is IPv6. */
const LIES = {
  "another pod of its node": (lab: AttackLab) => lab.bystander.addresses,
  "a pod of another node": (lab: AttackLab) => lab.node("n4").pods[0].addresses,
  "its node": (lab: AttackLab) => lab.node("n1").place.addresses,
  "another node": () => ["192.0.2.200", "2001:db8:2::200"],
  "its gateway": () => ["10.244.1.1", "fd00:10:244:1::1"],
  "the world": () => ["198.51.100.77", "2001:db8:100::77"],
  "nobody, in its PodCIDR": () => ["10.244.1.250", "fd00:10:244:1::250"],
} as const;

type Liar = keyof typeof LIES;

interface Target {
  readonly netns: Parameters<typeof assertNothingArrives>[1]["victim"];
  readonly address: string;
  readonly sense: Sense;
}

async function lie(lab: AttackLab, { family }: Cell, liar: Liar, targets: readonly Target[]): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  const source = LIES[liar](lab)[family === 4 ? 0 : 1] ?? "";
  for (const { netns, address, sense } of targets) {
    await assertNothingArrives(lab, {
      victim: netns,
      sense,
      attack: (data) =>
        sendFrames(lab, attacker, [datagramFrame(attacker, { source, destination: address, data })]),
      honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination: address, data })]),
    });
  }
}

function toPods(lab: AttackLab, cell: Cell): readonly Target[] {
  const of = cell.family === 4 ? 0 : 1;
  return lab
    .victims(cell)
    .map(({ pods: [, { netns, addresses }] }) => ({ netns, address: addresses[of], sense: "links" }));
}

/** Nodes that have an address of the family. */
function toNodes(lab: AttackLab, cell: Cell): readonly Target[] {
  return lab
    .victims(cell)
    .flatMap(({ netns, place }) =>
      place.addresses
        .filter((address) => address.includes(":") === (cell.family === 6))
        .map((address) => ({ netns, address, sense: "socket" as const })),
    );
}

function toWorld({ network }: AttackLab, { family }: Cell): readonly Target[] {
  return [{ netns: network.router, address: WORLD[family === 4 ? 0 : 1], sense: "links" }];
}

const toOthersPods: readonly Attack[] = (Object.keys(LIES) as Liar[]).map((liar) => ({
  title: `a pod sends to pods under the address of ${liar}`,
  cells: EVERYWHERE,
  run: (lab, cell) => lie(lab, cell, liar, toPods(lab, cell)),
}));

export const SOURCE_ATTACKS: AttackGroup = {
  title: "false sources",
  attacks: [
    ...toOthersPods,
    {
      title: "a pod sends to nodes under false addresses",
      cells: cellsAt("node", "direct"),
      async run(lab, cell) {
        for (const liar of Object.keys(LIES) as Liar[]) await lie(lab, cell, liar, toNodes(lab, cell));
      },
    },
    {
      title: "a pod sends to the world under false addresses",
      cells: cellsAt("direct"),
      async run(lab, cell) {
        for (const liar of Object.keys(LIES) as Liar[]) await lie(lab, cell, liar, toWorld(lab, cell));
      },
    },
  ],
};
