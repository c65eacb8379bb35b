import type { Netns } from "../lib/netns.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { WORLD } from "../nodes/cluster-network.ts";
import { datagramFrame, frameOf, PORTS, sendDatagrams, sendFrames, sendSegments } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt, EVERYWHERE } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { behindHeaders, ip, PROTOCOL, udp, udpPayload } from "../../agent/testing/packets/frames/ip.ts";
import { VXLAN, vxlan } from "../../agent/testing/packets/frames/vxlan.ts";
import { indexOf, worldTarget } from "./targets.ts";
import { assertNothingArrives } from "./watch.ts";

/** A packet inside the overlay, from whom it claims to be. */
interface Inner {
  readonly source: string;
  readonly destination: string;
}

/**
 * The data of a datagram to the node `to`, as its peer `from` would send it, for outer packets of one family.
 */
function encapsulated(from: string, to: string, inner: Inner, data: Uint8Array): Uint8Array {
  return vxlan({ from, to }, udp(inner, PORTS, data));
}

/** The addresses of two nodes in each family that both have. */
function outerPairs(from: LabNode, to: LabNode): readonly { readonly from: string; readonly to: string }[] {
  return to.place.addresses.flatMap((address) => {
    const own = from.place.addresses.find((other) => other.includes(":") === address.includes(":"));
    return own === undefined ? [] : [{ from: own, to: address }];
  });
}

/** A node other than this one: a device drops what comes from its own MAC. */
function peerOf(lab: AttackLab, { name }: LabNode): LabNode {
  return lab.node(name === "n1" ? "n2" : "n1");
}

/** Sources inside: a pod of the attacker's node, of another node, and the world. */
function innerSources(lab: AttackLab, cell: Cell): readonly string[] {
  const of = indexOf(cell);
  const world = cell.family === 4 ? "198.51.100.77" : "2001:db8:100::77";
  return [lab.bystander.addresses[of], lab.node("n4").pods[0].addresses[of], world];
}

/** Flags and number of our overlay (RFC 7348). */
const VXLAN_HEADER = "0800000000100000";

type Send = (outer: { readonly from: string; readonly to: string }, data: Uint8Array) => Promise<void>;

/**
 * For each victim, each family outside and each source inside: sends a packet to the victim's pod, and one to
 * the world.
 */
async function inject(lab: AttackLab, cell: Cell, send: Send): Promise<void> {
  const of = indexOf(cell);
  const honestSender = await lab.attackerOn("n1");
  for (const victim of lab.victims(cell)) {
    const [, pod] = victim.pods;
    for (const target of [{ netns: pod.netns, address: pod.addresses[of] }, worldTarget(lab, cell)]) {
      await assertNothingArrives(lab, {
        victim: target.netns,
        // The router bridges the segment: what is still inside the overlay has not been let out of it.
        matters: (line) => !line.includes(VXLAN_HEADER),
        async attack(data) {
          for (const outer of outerPairs(peerOf(lab, victim), victim))
            for (const source of innerSources(lab, cell))
              await send(
                outer,
                encapsulated(outer.from, outer.to, { source, destination: target.address }, data),
              );
        },
        honest: (data) =>
          sendFrames(lab, honestSender, [datagramFrame(honestSender, { destination: target.address, data })]),
      });
    }
  }
}

const SERVICE = { 4: "10.96.0.10", 6: "fd00:10:96::10" } as const;

/** A service of n1's whose only endpoint is the overlay's port of a node, as kube-proxy would write it. */
async function withService(
  node: LabNode,
  to: string,
  work: (address: string) => Promise<void>,
): Promise<void> {
  const [family, address] = to.includes(":") ? ["ip6", SERVICE[6]] : ["ip", SERVICE[4]];
  const target = family === "ip6" ? `[${to}]:${VXLAN.port}` : `${to}:${VXLAN.port}`;
  const rule = `${family} daddr ${address} udp dport 53 dnat ${family} to ${target}`;
  const table = `table inet service { chain p { type nat hook prerouting priority -100; ${rule}; }; }`;
  await node.run("nft", table);
  try {
    await work(address);
  } finally {
    await node.run("nft", "delete", "table", "inet", "service");
  }
}

/** The data of a datagram of another network than ours, of the same length. */
function ofAnotherNetwork(data: Uint8Array): Uint8Array {
  return data.map((byte, index) => (index === 6 ? byte ^ 1 : byte));
}

/** Data of the same length that nobody looks for. */
const unmarked = (data: Uint8Array): Uint8Array => data.toReversed();

/** What a node says in the overlay about pods that are not its own; `from` sends as itself. */
async function lieInside(
  lab: AttackLab,
  cell: Cell,
  from: LabNode,
  way: "alone" | "behind a truth",
): Promise<void> {
  const of = indexOf(cell);
  const n1 = lab.node("n1");
  const [, pod] = n1.pods;
  const destination = pod.addresses[of];
  const truth = from.pods[0].addresses[of];
  const lies = [n1.pods[0], lab.node("n4").pods[0]].map(({ addresses }) => addresses[of]);
  const outer = outerPairs(from, n1);
  const send = async (source: string, data: Uint8Array, pairs = outer): Promise<void> => {
    for (const { from: own, to } of pairs)
      await sendInto(lab, from.netns, to, encapsulated(own, to, { source, destination }, data));
  };
  const hide = async (source: string, data: Uint8Array): Promise<void> => {
    for (const { from: own, to } of outer) {
      const good = encapsulated(own, to, { source: truth, destination }, unmarked(data));
      const bad = encapsulated(own, to, { source, destination }, data);
      await sendSegments(lab, from.netns, to, [good, bad]);
    }
  };
  await assertNothingArrives(lab, {
    victim: pod.netns,
    async attack(data) {
      for (const source of [...lies, WORLD[of]]) {
        if (way === "alone") await send(source, data);
        else await hide(source, data);
      }
    },
    // Two nodes that have both families outside use the first only.
    honest: (data) => send(truth, data, outer.slice(0, 1)),
  });
}

function sendInto(lab: AttackLab, from: Netns, to: string, data: Uint8Array): Promise<void> {
  return sendDatagrams(lab, from, [{ to, port: VXLAN.port, data }]);
}

export const OVERLAY_ATTACKS: AttackGroup = {
  title: "the overlay",
  attacks: [
    {
      title: "a pod without capabilities sends into the overlay by a UDP socket",
      cells: EVERYWHERE,
      async run(lab, cell) {
        const { netns } = await lab.attackerOn("n1");
        await inject(lab, cell, ({ to }, data) => sendInto(lab, netns, to, data));
      },
    },
    {
      title: "a pod sends into the overlay in another node's name",
      cells: EVERYWHERE,
      async run(lab, cell) {
        const attacker = await lab.attackerOn("n1");
        await inject(lab, cell, ({ to }, data) => {
          const source = to.includes(":") ? "2001:db8:3::15" : "203.0.113.13";
          const packet = udp({ source, destination: to }, { from: 50_000, to: VXLAN.port }, data);
          return sendFrames(lab, attacker, [frameOf(attacker, packet)]);
        });
      },
    },
    {
      title: "a pod sends into the overlay behind 100 extension headers",
      cells: EVERYWHERE,
      async run(lab, cell) {
        const attacker = await lab.attackerOn("n1");
        await inject(lab, cell, async ({ to }, data) => {
          if (!to.includes(":")) return;
          const ends = { source: attacker.addresses[1], destination: to };
          const payload = udpPayload(ends, { from: 50_000, to: VXLAN.port }, data);
          const packet = ip(
            { ...ends, protocol: PROTOCOL.destinationOptions },
            behindHeaders(PROTOCOL.udp, payload),
          );
          await sendFrames(lab, attacker, [frameOf(attacker, packet)]);
        });
      },
    },
    {
      title: "a pod sends into the overlay through a service",
      cells: EVERYWHERE,
      async run(lab, cell) {
        const { netns } = await lab.attackerOn("n1");
        await inject(lab, cell, ({ to }, data) =>
          withService(lab.node("n1"), to, (service) =>
            sendDatagrams(lab, netns, [{ to: service, port: 53, data }]),
          ),
        );
      },
    },
    {
      title: "a machine that is not a node sends into the overlay",
      cells: EVERYWHERE,
      run: (lab, cell) => inject(lab, cell, ({ to }, data) => sendInto(lab, lab.foreign.netns, to, data)),
    },
    {
      title: "a node speaks in the overlay for pods of other nodes, and for the world",
      cells: cellsAt("direct", "vxlan"),
      async run(lab, cell) {
        for (const from of lab.victims(cell)) await lieInside(lab, cell, from, "alone");
      },
    },
    {
      title: "a node hides such a packet behind a good one, in a datagram to be cut (UDP segmentation)",
      cells: cellsAt("direct", "vxlan"),
      async run(lab, cell) {
        for (const from of lab.victims(cell)) await lieInside(lab, cell, from, "behind a truth");
      },
    },
    ...["a pod", "a machine that is not a node"].map((who) => ({
      title: `${who} hides a packet of the overlay behind one of another network, in a datagram to be cut`,
      cells: EVERYWHERE,
      async run(lab: AttackLab, cell: Cell) {
        const { netns } = who === "a pod" ? await lab.attackerOn("n1") : lab.foreign;
        await inject(lab, cell, ({ to }, data) =>
          sendSegments(lab, netns, to, [ofAnotherNetwork(data), data]),
        );
      },
    })),
  ],
};
