import assert from "node:assert/strict";
import { linkLocalOf } from "../../agent/net/mac.ts";
import { runCommand, observeCommand } from "../lib/command.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { attachPod } from "../nodes/lab-pod.ts";
import { datagramFrame, sendDatagrams, sendFrames } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt, EVERYWHERE } from "./attack.ts";
import { type AttackLab, type Stand, standOf } from "./attack-lab.ts";
import { ascii, join } from "../../agent/testing/packets/frames/bytes.ts";
import { arp, ETHERTYPE, ethernet } from "../../agent/testing/packets/frames/ethernet.ts";
import {
  neighbourAdvertisement,
  neighbourSolicitation,
} from "../../agent/testing/packets/frames/neighbour-discovery.ts";
import { settle } from "./settle.ts";
import { indexOf } from "./targets.ts";
import { assertNothingArrives } from "./watch.ts";

/** Addresses of a node's PodCIDR that nobody has, as many as there are, or two thousand. */
function freeAddresses({ place }: LabNode, { family }: Cell): readonly string[] {
  const prefix = place.podCIDRs[family === 4 ? 0 : 1] ?? "";
  return family === 4
    ? Array.from({ length: 200 }, (_, index) => prefix.replace(/\.0\/24$/, `.${index + 54}`))
    : Array.from({ length: 2000 }, (_, index) =>
        prefix.replace(/::\/64$/, `::${(index + 0x1000).toString(16)}`),
      );
}

/** Neighbours of pods' addresses that a node has had to ask for, or has believed. */
async function learned(node: LabNode, { family }: Cell): Promise<readonly string[]> {
  const shown = await node.run("ip", `-${family}`, "neigh", "show", "nud", "all");
  return shown
    .split("\n")
    .filter((line) => /^(10\.244\.|fd00:10:244:)|dev (cw|veth)/.test(line))
    .filter((line) => !/PERMANENT|NOARP/.test(line));
}

/** Takes a victim's node through the datagrams of n1's first pod to all its free addresses. */
async function fillTables(lab: AttackLab, cell: Cell): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  for (const node of lab.victims(cell)) {
    const data = ascii("is anybody there?");
    const addresses = freeAddresses(node, cell);
    // Before the flood, which uses up what the kernel tells one sender in a second.
    const ping = ["ping", "-n", "-c1", "-W5", addresses[0] ?? ""];
    const { stdout } = await observeCommand([...attacker.netns.enter, ...ping]);
    assert.match(stdout, /unreachable|no route/i, `the answer of ${node.name}`);
    await sendDatagrams(
      lab,
      attacker.netns,
      addresses.map((to) => ({ to, port: 9, data })),
    );
    await settle(lab, attacker, lab.node("n1"));
    assert.deepEqual(await learned(node, cell), [], node.name);
  }
}

/** A question or claim that a pod broadcasts under an address that it has not been given. */
function claims(attacker: Stand, { family }: Cell, address: string, data: Uint8Array): readonly Uint8Array[] {
  const { mac, gatewayMac } = attacker;
  if (family === 4) {
    const gateway = "10.244.1.1";
    const ask = { senderMac: mac, sender: address, targetMac: gatewayMac, target: gateway };
    const messages = [
      arp({ ...ask, operation: "request" }),
      arp({ ...ask, operation: "reply" }),
      arp({ ...ask, operation: "reply", target: address }),
    ];
    return messages.flatMap((message) =>
      ["ff:ff:ff:ff:ff:ff", gatewayMac].map((destination) =>
        ethernet({ source: mac, destination, type: ETHERTYPE.arp }, join(message, data)),
      ),
    );
  }
  const messages = [
    neighbourAdvertisement({ address, mac }),
    neighbourSolicitation(address, mac, "fd00:10:244:1::1"),
  ];
  return messages.flatMap((message) =>
    ["33:33:00:00:00:01", gatewayMac].map((destination) =>
      ethernet({ source: mac, destination, type: ETHERTYPE.ipv6 }, join(message, data)),
    ),
  );
}

/**
 * The attacker gives itself an address, as a privileged container could, and says so; then victims' datagrams
 * to it must not come.
 */
async function assertNotTaken(lab: AttackLab, cell: Cell, address: string): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  const change = (verb: "add" | "del"): Promise<string> =>
    runCommand([
      ...attacker.netns.enter,
      "ip",
      "address",
      verb,
      `${address}/${cell.family === 4 ? 32 : 128}`,
      "dev",
      "eth0",
      ...(verb === "add" && cell.family === 6 ? ["nodad"] : []),
    ]);
  await change("add");
  try {
    await sendFrames(lab, attacker, claims(attacker, cell, address, new Uint8Array()), 3);
    await settle(lab, attacker, lab.node("n1"));
    const own = attacker.addresses[indexOf(cell)];
    for (const { pods } of lab.victims(cell)) {
      const sender = await standOf(pods[1]);
      await assertNothingArrives(lab, {
        victim: attacker.netns,
        attack: (data) => sendFrames(lab, sender, [datagramFrame(sender, { destination: address, data })]),
        honest: (data) => sendFrames(lab, sender, [datagramFrame(sender, { destination: own, data })]),
      });
    }
  } finally {
    await change("del");
  }
}

export const NEIGHBOUR_ATTACKS: AttackGroup = {
  title: "neighbours",
  attacks: [
    {
      title: "datagrams to every address of a PodCIDR fill a node's neighbour table",
      cells: EVERYWHERE,
      run: fillTables,
    },
    {
      title: "questions and claims of 200 invented neighbours, and of the pod itself",
      cells: cellsAt("node"),
      async run(lab, cell) {
        const n1 = lab.node("n1");
        const attacker = await lab.attackerOn("n1");
        const invented = freeAddresses(n1, cell).slice(0, 200);
        const own = cell.family === 4 ? attacker.addresses[0] : linkLocalOf(attacker.mac);
        await sendFrames(
          lab,
          attacker,
          [own, ...invented].flatMap((address) => claims(attacker, cell, address, new Uint8Array())),
        );
        await settle(lab, attacker, n1);
        assert.deepEqual(await learned(n1, cell), []);
      },
    },
    {
      title: "a pod claims the gateway's address, and another pod's",
      cells: cellsAt("node"),
      async run(lab, cell) {
        const n1 = lab.node("n1");
        const attacker = await lab.attackerOn("n1");
        const victim = await standOf(n1.pods[1]);
        const neighbours = (): Promise<readonly string[]> =>
          Promise.all([
            n1.run("ip", "neigh", "show", "nud", "permanent"),
            runCommand([...victim.netns.enter, "ip", "neigh", "show"]),
          ]);
        const before = await neighbours();
        const destination = victim.addresses[indexOf(cell)];
        const gateway = cell.family === 4 ? "10.244.1.1" : "fd00:10:244:1::1";
        await assertNothingArrives(lab, {
          victim: victim.netns,
          attack: (data) =>
            sendFrames(
              lab,
              attacker,
              [destination, gateway].flatMap((address) => claims(attacker, cell, address, data)),
              3,
            ),
          honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination, data })]),
        });
        assert.deepEqual(await neighbours(), before);
      },
    },
    {
      title: "a pod takes an address that is free",
      cells: EVERYWHERE,
      run: (lab, cell) => assertNotTaken(lab, cell, freeAddresses(lab.node("n1"), cell)[0] ?? ""),
    },
    {
      title: "a pod takes an address that was recently freed",
      cells: EVERYWHERE,
      async run(lab, cell) {
        const gone = await attachPod(lab.node("n1"), { name: `${lab.bystander.netns.name}-gone` });
        await gone.remove();
        await assertNotTaken(lab, cell, gone.addresses[indexOf(cell)]);
      },
    },
  ],
};
