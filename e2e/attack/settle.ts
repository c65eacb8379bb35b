import type { LabNode } from "../nodes/cluster-lab.ts";
import { datagramFrame, sendFrames } from "./assault.ts";
import type { AttackLab, Stand } from "./attack-lab.ts";
import { arrivals } from "./watch.ts";

/**
 * Waits until a node has taken what an attacker has sent to it: an honest datagram on the same way comes
 * behind.
 */
export async function settle(
  lab: AttackLab,
  attacker: Stand,
  node: LabNode,
  address?: string,
): Promise<void> {
  const destination = address ?? node.place.addresses[0] ?? "";
  await arrivals(lab, {
    victim: node.netns,
    sense: "socket",
    attack: async () => undefined,
    honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination, data })]),
  });
}
