import assert from "node:assert/strict";
import { datagramFrame, sendFrames } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt } from "./attack.ts";
import { type AttackLab, type Stand, standOf } from "./attack-lab.ts";
import { join } from "../../agent/testing/packets/frames/bytes.ts";
import { bpdu, ETHERTYPE, ethernet, lacp, lldp } from "../../agent/testing/packets/frames/ethernet.ts";
import { udp } from "../../agent/testing/packets/frames/ip.ts";
import { indexOf } from "./targets.ts";
import { assertNothingArrives } from "./watch.ts";

/** Frames of n1's first pod that are not for the gateway's MAC: the other pod may see none of them. */
async function deliverFrames(
  lab: AttackLab,
  cell: Cell,
  frames: (attacker: Stand, victim: Stand, data: Uint8Array) => readonly Uint8Array[],
): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  const victim = await standOf(lab.node("n1").pods[1]);
  const destination = victim.addresses[indexOf(cell)];
  await assertNothingArrives(lab, {
    victim: victim.netns,
    attack: (data) => sendFrames(lab, attacker, frames(attacker, victim, data)),
    honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination, data })]),
  });
}

/**
 * The answer of a false DHCP server to everybody: the filter is about where it goes, so the message itself
 * does not matter.
 */
function dhcpAnswer({ mac, addresses: [v4] }: Stand, family: 4 | 6, data: Uint8Array): Uint8Array {
  if (family === 4) {
    const packet = udp({ source: v4, destination: "255.255.255.255" }, { from: 67, to: 68 }, data);
    return ethernet({ source: mac, destination: "ff:ff:ff:ff:ff:ff", type: ETHERTYPE.ipv4 }, packet);
  }
  const packet = udp({ source: "fe80::bad", destination: "ff02::1" }, { from: 547, to: 546 }, data);
  return ethernet({ source: mac, destination: "33:33:00:00:00:01", type: ETHERTYPE.ipv6 }, packet);
}

export const SEGMENT_ATTACKS: AttackGroup = {
  title: "frames beside the gateway",
  attacks: [
    {
      title: "frames to another pod's MAC, to broadcast and multicast",
      cells: cellsAt("node"),
      run: (lab, cell) =>
        deliverFrames(lab, cell, (attacker, victim, data) => {
          const destination = victim.addresses[indexOf(cell)];
          const groups = ["ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "01:00:5e:00:00:01"];
          return [
            datagramFrame({ ...attacker, gatewayMac: victim.mac }, { destination, data }),
            ...groups.map((gatewayMac) => datagramFrame({ ...attacker, gatewayMac }, { destination, data })),
          ];
        }),
    },
    {
      title: "a false DHCP server",
      cells: cellsAt("node"),
      run: (lab, cell) =>
        deliverFrames(lab, cell, (attacker, _, data) => [dhcpAnswer(attacker, cell.family, data)]),
    },
    {
      title: "frames under the MAC of another pod, and of the gateway",
      cells: cellsAt("node"),
      async run(lab, cell) {
        const attacker = await lab.attackerOn("n1");
        const victim = await standOf(lab.node("n1").pods[1]);
        const of = indexOf(cell);
        const destination = attacker.addresses[of];
        const sender = await standOf(lab.bystander);
        const stolen = [victim.mac, attacker.gatewayMac].map((mac) =>
          datagramFrame({ ...attacker, mac }, { destination: "192.0.2.1", data: new Uint8Array(8) }),
        );
        await assertNothingArrives(lab, {
          victim: attacker.netns,
          async attack(data) {
            await sendFrames(lab, attacker, stolen, 100);
            await sendFrames(lab, sender, [
              datagramFrame(sender, { destination: victim.addresses[of], data }),
            ]);
          },
          honest: (data) => sendFrames(lab, sender, [datagramFrame(sender, { destination, data })]),
        });
      },
    },
    {
      title: "BPDU, LACP and LLDP: other pods get none, and the bridge keeps its tree",
      cells: [],
      async run(lab, cell) {
        const n1 = lab.node("n1");
        const before = await treeOf(n1);
        await deliverFrames(lab, cell, ({ mac }, _, data) => [
          join(bpdu("00:00:00:00:00:01"), data),
          join(bpdu(mac), data),
          join(lacp(mac), data),
          lldp(mac, Buffer.from(data).toString()),
        ]);
        assert.deepEqual(await treeOf(n1), before);
      },
    },
  ],
};

/** Who the root of the bridge's spanning tree is, and the state of its ports. */
async function treeOf(node: { run(...command: readonly string[]): Promise<string> }): Promise<unknown> {
  const shown = JSON.parse(await node.run("ip", "-d", "-json", "link", "show")) as readonly Shown[];
  return shown.map(({ ifname, linkinfo }) => [
    ifname,
    linkinfo?.info_data?.root_id,
    linkinfo?.info_slave_data?.state,
  ]);
}

interface Shown {
  readonly ifname: string;
  readonly linkinfo?: {
    readonly info_data?: { readonly root_id?: string };
    readonly info_slave_data?: { readonly state?: string };
  };
}
