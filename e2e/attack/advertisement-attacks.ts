import assert from "node:assert/strict";
import { linkLocalOf } from "../../agent/net/mac.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { sendFrames } from "./assault.ts";
import { type AttackGroup, cellsOf } from "./attack.ts";
import type { AttackLab, Stand } from "./attack-lab.ts";
import { ETHERTYPE, ethernet } from "../../agent/testing/packets/frames/ethernet.ts";
import { routerAdvertisement } from "../../agent/testing/packets/frames/neighbour-discovery.ts";
import { settle } from "./settle.ts";

/**
 * A router's advertisement to all, by multicast and to the gateway's MAC alone. The first is in the pod's own
 * name.
 */
function advertise({ mac, gatewayMac }: Stand, number: number): readonly Uint8Array[] {
  const word = number.toString(16);
  const source = number === 1 ? linkLocalOf(mac) : `fe80::bad:${word}`;
  const packet = routerAdvertisement({
    source,
    mac,
    prefix: `2001:db8:bad:${word}::`,
    route: `2001:db8:100:${word}::`,
  });
  return ["33:33:00:00:00:01", gatewayMac].map((destination) =>
    ethernet({ source: mac, destination, type: ETHERTYPE.ipv6 }, packet),
  );
}

/** What advertisements on the bridge have made of a node: routes and addresses. */
async function madeByAdvertisements(node: LabNode): Promise<readonly string[]> {
  const routes = await node.run("ip", "-6", "route", "show", "dev", "cw0", "proto", "ra");
  const addresses = await node.run("ip", "-6", "-o", "address", "show", "dev", "cw0");
  const isMade = (line: string): boolean => line !== "" && !line.startsWith(" ");
  return [
    ...routes.split("\n").filter(isMade),
    ...addresses.split("\n").filter((line) => line.includes("2001:db8:bad")),
  ];
}

/** n1 forwards IPv6, n2 takes advertisements although it does, n6 has no IPv6 but on its uplink. */
const NODES = ["n1", "n2", "n6"] as const;

async function advertiseAll(lab: AttackLab, count: number): Promise<void> {
  for (const name of NODES) {
    const node = lab.node(name);
    const before = await stateOf(node);
    const attacker = await lab.attackerOn(name);
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    await sendFrames(
      lab,
      attacker,
      numbers.flatMap((number) => advertise(attacker, number)),
    );
    await settle(lab, attacker, node);
    assert.deepEqual(await madeByAdvertisements(node), [], name);
    assert.deepEqual(await stateOf(node), before, name);
    assert.equal((await node.agent().get("/readyz")).status, 200, name);
  }
}

/**
 * Its default routes, and how often the agent has put something right: what was there for a moment only
 * counts too.
 */
async function stateOf(node: LabNode): Promise<readonly [string, number]> {
  const routes = await node.run("ip", "-6", "route", "show", "default");
  return [routes, await node.agent().metric("causeway_drift_repairs_total")];
}

export const ADVERTISEMENT_ATTACKS: AttackGroup = {
  title: "router advertisements",
  attacks: [
    {
      title: "a pod says that it is the router, with preference high",
      cells: cellsOf(6, "node"),
      run: (lab) => advertiseAll(lab, 2),
    },
    {
      title: "2,000 advertisements of as many routers",
      cells: cellsOf(6, "node"),
      run: (lab) => advertiseAll(lab, 2000),
    },
    {
      title: "a route that an advertisement has left on the bridge",
      cells: cellsOf(6, "node"),
      async run(lab) {
        const n1 = lab.node("n1");
        const repairs = (): Promise<number> => n1.agent().metric("causeway_drift_repairs_total");
        const before = await repairs();
        const left = ["2001:db8:100:1::/64", "via", "fe80::bad:1", "dev", "cw0", "proto", "ra"];
        await n1.run("ip", "-6", "route", "add", ...left);
        await waitUntilHolds(
          "the removal of the route, counted",
          async () => {
            assert.deepEqual(await madeByAdvertisements(n1), []);
            assert.ok((await repairs()) > before);
          },
          { timeoutMs: 5000 },
        );
      },
    },
  ],
};
