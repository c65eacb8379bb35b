import assert from "node:assert/strict";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { WORLD } from "../nodes/cluster-network.ts";
import { frameOf, sendFrames } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { u16, u32, join } from "../../agent/testing/packets/frames/bytes.ts";
import { icmp } from "../../agent/testing/packets/frames/ip.ts";
import { settle } from "./settle.ts";
import { indexOf } from "./targets.ts";

/** The least that Linux believes. */
const SMALL = [552, 1280] as const;

/**
 * A pod of n1 says that what a node has sent to the world was too big: about an answer to a ping, which the
 * kernel needs no socket for to believe it (icmp_err() of net/ipv4/icmp.c).
 */
async function shrinkPath(lab: AttackLab, cell: Cell, node: LabNode): Promise<void> {
  const of = indexOf(cell);
  const attacker = await lab.attackerOn("n1");
  const [source, target] = [attacker.addresses[of], WORLD[of]];
  const gateway = (node.place.podCIDRs[of] ?? "").replace(/(0\/24|\/64)$/, "1");
  const cause = icmp(
    { source: node.place.addresses[of] ?? "", destination: target },
    { type: cell.family === 4 ? 0 : 129, body: new Uint8Array(8) },
  );
  const lie =
    cell.family === 4
      ? { type: 3, code: 4, body: join(u16(0), u16(SMALL[0]), cause) }
      : { type: 2, body: join(u32(SMALL[1]), cause) };
  await sendFrames(lab, attacker, [frameOf(attacker, icmp({ source, destination: gateway }, lie))]);
  await settle(lab, attacker, node, gateway);
  try {
    assert.doesNotMatch(await node.run("ip", "route", "get", target), /mtu/);
  } finally {
    await node.run("ip", `-${cell.family}`, "route", "flush", "cache");
  }
}

export const PATH_ATTACKS: AttackGroup = {
  title: "sizes of paths",
  attacks: [
    {
      title: "a pod says that a path of a node takes small packets alone",
      cells: cellsAt("node", "vxlan"),
      run: (lab, cell) => shrinkPath(lab, cell, lab.node(cell.place === "node" ? "n1" : "n3")),
    },
  ],
};
