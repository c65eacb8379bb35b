import assert from "node:assert/strict";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { ipBatch, ROUTER, uplinkLines, WORLD } from "../nodes/cluster-network.ts";
import { frameOf, sendFrames } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt } from "./attack.ts";
import { type AttackLab, linkLocalOfLink, type Stand } from "./attack-lab.ts";
import { icmp } from "../../agent/testing/packets/frames/ip.ts";
import { redirect } from "../../agent/testing/packets/frames/neighbour-discovery.ts";
import { settle } from "./settle.ts";
import { indexOf } from "./targets.ts";

/** The kernel asks for the new router's MAC at the first one, and believes the next. */
const TIMES = 3;

/**
 * Tells a node, in the name of its router, that the world is reached through the foreign machine from now on.
 */
async function redirectAll(lab: AttackLab, cell: Cell, node: LabNode, attacker: Stand): Promise<void> {
  const of = indexOf(cell);
  const [victim = "", target] = [node.place.addresses[of], WORLD[of]];
  const [router, gateway] = await sidesOf(lab, cell);
  if (cell.family === 6)
    await node.run("ip", "-6", "route", "replace", "default", "via", router, "dev", "up0");
  try {
    assert.equal(await wayTo(node, target), router, "before");
    // An answer to a ping, which the kernel needs no socket for to believe a redirect about it (icmp_err() of
    // net/ipv4/icmp.c).
    const type = cell.family === 4 ? 0 : 129;
    const cause = icmp({ source: victim, destination: target }, { type, body: new Uint8Array(8) });
    const packet = redirect({ source: router, victim, target, gateway, cause });
    for (let time = 0; time < TIMES; time++) {
      await sendFrames(lab, attacker, [frameOf(attacker, packet)]);
      await settle(lab, attacker, node);
    }
    assert.equal(await wayTo(node, target), router);
  } finally {
    await node.run("ip", `-${cell.family}`, "route", "flush", "cache");
    await ipBatch(node.netns, uplinkLines(node.place));
  }
}

/**
 * The router that is believed, and the machine that wants to be it. A redirect of IPv6 comes from a
 * link-local address.
 */
async function sidesOf(
  { network, foreign }: AttackLab,
  { family }: Cell,
): Promise<readonly [string, string]> {
  if (family === 4) return [ROUTER.a[0], foreign.addresses[0]];
  return [await linkLocalOfLink(network.router, "seg-a"), await linkLocalOfLink(foreign.netns, foreign.link)];
}

async function wayTo(node: LabNode, target: string): Promise<string> {
  const shown = JSON.parse(await node.run("ip", "-json", "route", "get", target)) as readonly {
    gateway?: string;
  }[];
  return shown.map(({ gateway }) => gateway ?? "no gateway").join();
}

export const REDIRECT_ATTACKS: AttackGroup = {
  title: "redirects",
  attacks: [
    {
      title: "a pod redirects its node's route to the world, in the router's name",
      cells: cellsAt("node"),
      // n6 does not forward IPv6, and so believes redirects of its own router.
      async run(lab, cell) {
        const name = cell.family === 4 ? "n1" : "n6";
        await redirectAll(lab, cell, lab.node(name), await lab.attackerOn(name));
      },
    },
    {
      title: "a machine of the segment redirects a node's route to the world, in the router's name",
      cells: cellsAt("direct"),
      run: (lab, cell) => redirectAll(lab, cell, lab.node("n1"), lab.foreign),
    },
  ],
};
