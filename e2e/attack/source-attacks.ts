import { datagramFrame, sendFrames } from "./assault.ts";
import { type Attack, type AttackGroup, type Cell, cellsAt, EVERYWHERE } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { indexOf, nodeTargets, podTargets, type Target, worldTarget } from "./targets.ts";
import { assertNothingArrives } from "./watch.ts";

/** Whose address a pod of n1 lies about: IPv4, then IPv6. */
const LIES = {
  "another pod of its node": (lab: AttackLab) => lab.bystander.addresses,
  "a pod of another node": (lab: AttackLab) => lab.node("n4").pods[0].addresses,
  "its node": (lab: AttackLab) => lab.node("n1").place.addresses,
  "another machine of the segment": (lab: AttackLab) => lab.foreign.addresses,
  "its gateway": () => ["10.244.1.1", "fd00:10:244:1::1"],
  "the world": () => ["198.51.100.77", "2001:db8:100::77"],
  "no pod, in its PodCIDR": () => ["10.244.1.250", "fd00:10:244:1::250"],
} as const;

type Liar = keyof typeof LIES;

const LIARS = Object.keys(LIES) as readonly Liar[];

async function lie(lab: AttackLab, cell: Cell, liar: Liar, targets: readonly Target[]): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  const source = LIES[liar](lab)[indexOf(cell)] ?? "";
  for (const { netns, address: destination, sense } of targets) {
    await assertNothingArrives(lab, {
      victim: netns,
      sense,
      attack: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { source, destination, data })]),
      honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination, data })]),
    });
  }
}

export const SOURCE_ATTACKS: AttackGroup = {
  title: "false sources",
  attacks: [
    ...LIARS.map(
      (liar): Attack => ({
        title: `a pod sends to pods under the address of ${liar}`,
        cells: EVERYWHERE,
        run: (lab, cell) => lie(lab, cell, liar, podTargets(lab, cell)),
      }),
    ),
    {
      title: "a pod sends to nodes under any of these",
      cells: cellsAt("node", "direct"),
      async run(lab, cell) {
        for (const liar of LIARS) await lie(lab, cell, liar, nodeTargets(lab, cell));
      },
    },
    {
      title: "a pod sends to the world under any of these",
      cells: cellsAt("direct"),
      async run(lab, cell) {
        for (const liar of LIARS) await lie(lab, cell, liar, [worldTarget(lab, cell)]);
      },
    },
  ],
};
