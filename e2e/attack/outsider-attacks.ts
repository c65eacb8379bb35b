import { addressToBytes } from "../../agent/net/address.ts";
import { hex } from "../../agent/testing/packets/frames/bytes.ts";
import { datagramFrame, sendFrames } from "./assault.ts";
import type { LabPod } from "../nodes/lab-pod.ts";
import { type AttackGroup, cellsAt } from "./attack.ts";
import { indexOf, type Target, worldTarget } from "./targets.ts";
import { assertNothingArrives } from "./watch.ts";

/** No pod has sent from here: what belongs to a connection of a pod has the name that the connection has. */
const UNUSED_PORT = 40_001;

export const OUTSIDER_ATTACKS: AttackGroup = {
  title: "outsiders",
  attacks: [
    {
      title: "a machine of the segment sends from a pod's address, to be masqueraded as the node",
      cells: cellsAt("direct"),
      async run(lab, cell) {
        const of = indexOf(cell);
        const [pod] = lab.node("n1").pods;
        const { netns: victim, address: destination } = worldTarget(lab, cell);
        const attacker = await lab.attackerOn("n1");
        await assertNothingArrives(lab, {
          victim,
          // The same packet as the attacker sends it passes the router's links too: what counts is what n1
          // makes of it.
          matters: (line) => line.includes(hex(addressToBytes(lab.node("n1").place.addresses[of] ?? ""))),
          attack: (data) =>
            sendFrames(lab, lab.foreign, [
              datagramFrame(lab.foreign, {
                source: pod.addresses[of],
                destination,
                data,
                from: UNUSED_PORT,
              }),
            ]),
          honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination, data })]),
        });
      },
    },
    {
      title: "a machine of the segment sends to pods and their node under the address of a pod of that node",
      cells: cellsAt("direct"),
      async run(lab, cell) {
        const of = indexOf(cell);
        const n1 = lab.node("n1");
        const [pod, victim] = n1.pods;
        const addressOf = ({ addresses }: Pick<LabPod, "addresses">): string => addresses[of];
        const targets: readonly Target[] = [
          { netns: victim.netns, address: addressOf(victim), sense: "links" },
          { netns: n1.netns, address: n1.place.addresses[of] ?? "", sense: "socket" },
        ];
        for (const { netns, address: destination, sense } of targets)
          for (const source of [addressOf(pod), addressOf(victim)])
            await assertNothingArrives(lab, {
              victim: netns,
              sense,
              attack: (data) =>
                sendFrames(lab, lab.foreign, [datagramFrame(lab.foreign, { source, destination, data })]),
              honest: (data) =>
                sendFrames(lab, lab.foreign, [datagramFrame(lab.foreign, { destination, data })]),
            });
      },
    },
  ],
};
