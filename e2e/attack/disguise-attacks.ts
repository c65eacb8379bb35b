import { datagramFrame, frameOf, PORTS, sendFrames, sendOversized } from "./assault.ts";
import { type Attack, type AttackGroup, type Cell, cellsOf, EVERYWHERE } from "./attack.ts";
import type { AttackLab, Stand } from "./attack-lab.ts";
import { ascii, join, u16, u32 } from "../../agent/testing/packets/frames/bytes.ts";
import { ETHERTYPE, tagged } from "../../agent/testing/packets/frames/ethernet.ts";
import {
  behindHeaders,
  ip,
  padding,
  PROTOCOL,
  tcpToComplete,
  udp,
  udpPayload,
} from "../../agent/testing/packets/frames/ip.ts";
import { addressToBytes } from "../../agent/net/address.ts";
import { indexOf, podTargets } from "./targets.ts";
import { assertNothingArrives } from "./watch.ts";

/** What is to be brought to a pod, under which source. */
interface Delivery {
  readonly attacker: Stand;
  readonly source: string;
  readonly destination: string;
  readonly data: Uint8Array;
}

/** Ways to write a packet so that a filter that looks at the usual place does not see its source. */
type Disguise = (delivery: Delivery) => readonly Uint8Array[];

const tags =
  (...words: readonly { readonly type: number; readonly id: number }[]): Disguise =>
  ({ attacker, ...rest }) => [tagged(datagramFrame(attacker, rest), words)];

/** One word of no operations (RFC 791). */
const NO_OPERATIONS = Uint8Array.of(1, 1, 1, 0);

const withOptions: Disguise = ({ attacker, source, destination, data }) => [
  frameOf(attacker, udp({ source, destination, options: NO_OPERATIONS }, PORTS, data)),
];

const withHeaders: Disguise = ({ attacker, source, destination, data }) => {
  const payload = udpPayload({ source, destination }, PORTS, data);
  const chain = join(padding(PROTOCOL.destinationOptions), padding(PROTOCOL.udp), payload);
  return [frameOf(attacker, ip({ source, destination, protocol: PROTOCOL.hopByHop }, chain))];
};

const withManyHeaders: Disguise = ({ attacker, source, destination, data }) => {
  const payload = behindHeaders(PROTOCOL.udp, udpPayload({ source, destination }, PORTS, data));
  return [frameOf(attacker, ip({ source, destination, protocol: PROTOCOL.destinationOptions }, payload))];
};

const FIRST_BYTES = 16;

/** In two pieces, of which the second has no UDP header; the data is in the second. */
const inFragments: Disguise = ({ attacker, source, destination, data }) => {
  const payload = udpPayload({ source, destination }, PORTS, join(ascii("12345678"), data));
  const pieces = [payload.subarray(0, FIRST_BYTES), payload.subarray(FIRST_BYTES)];
  return pieces.map((piece, index) => {
    const offset = index * FIRST_BYTES;
    const more = index === 0;
    if (!source.includes(":")) {
      const header = { source, destination, protocol: PROTOCOL.udp, fragment: { id: 7, offset, more } };
      return frameOf(attacker, ip(header, piece));
    }
    const header = join(Uint8Array.of(PROTOCOL.udp, 0), u16(offset | (more ? 1 : 0)), u32(7));
    return frameOf(attacker, ip({ source, destination, protocol: PROTOCOL.fragment }, join(header, piece)));
  });
};

/** Which of these hide a false source. */
const DISGUISES: readonly {
  readonly name: string;
  readonly cells: readonly Cell[];
  readonly disguise: Disguise;
}[] = [
  { name: "a priority tag (VLAN 0)", cells: EVERYWHERE, disguise: tags({ type: ETHERTYPE.vlan, id: 0 }) },
  {
    name: "two priority tags (QinQ 0, VLAN 0)",
    cells: EVERYWHERE,
    disguise: tags({ type: ETHERTYPE.qinq, id: 0 }, { type: ETHERTYPE.vlan, id: 0 }),
  },
  { name: "IP options", cells: cellsOf(4, "node", "direct", "vxlan"), disguise: withOptions },
  { name: "extension headers", cells: cellsOf(6, "node", "direct", "vxlan"), disguise: withHeaders },
  {
    name: "100 extension headers",
    cells: cellsOf(6, "node", "direct", "vxlan"),
    disguise: withManyHeaders,
  },
  { name: "fragments", cells: EVERYWHERE, disguise: inFragments },
];

async function disguised(lab: AttackLab, cell: Cell, disguise: Disguise): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  const source = lab.bystander.addresses[indexOf(cell)];
  await deliver(lab, cell, (destination, data) => disguise({ attacker, source, destination, data }));
}

/** Sends such frames to each victim: none of them may arrive. */
async function deliver(
  lab: AttackLab,
  cell: Cell,
  frames: (destination: string, data: Uint8Array) => readonly Uint8Array[],
): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  for (const { netns, address: destination } of podTargets(lab, cell)) {
    await assertNothingArrives(lab, {
      victim: netns,
      attack: (data) => sendFrames(lab, attacker, frames(destination, data)),
      honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination, data })]),
    });
  }
}

/**
 * A packet to the gateway, of which the sender says that it is for the victim in the end (RFC 791, RFC 5095).
 */
function sourceRouted(attacker: Stand, gateway: string, victim: string, data: Uint8Array): Uint8Array {
  const source = attacker.addresses[victim.includes(":") ? 1 : 0];
  const payload = udpPayload({ source, destination: victim }, PORTS, data);
  if (!victim.includes(":")) {
    const options = join(Uint8Array.of(131, 7, 4), addressToBytes(victim), Uint8Array.of(0));
    return frameOf(attacker, ip({ source, destination: gateway, protocol: PROTOCOL.udp, options }, payload));
  }
  const header = join(Uint8Array.of(PROTOCOL.udp, 2, 0, 1), u32(0), addressToBytes(victim));
  return frameOf(
    attacker,
    ip({ source, destination: gateway, protocol: PROTOCOL.routing }, join(header, payload)),
  );
}

/** Ten times what a link's packet holds. */
const OVERSIZE = 14_000;

/** Sends frames that are cut on the way, under another pod's address. */
async function oversized(lab: AttackLab, cell: Cell): Promise<void> {
  const attacker = await lab.attackerOn("n1");
  const of = indexOf(cell);
  for (const { netns, address: destination } of podTargets(lab, cell)) {
    const send = (source: string, data: Uint8Array): Promise<void> => {
      const packet = tcpToComplete({ source, destination }, PORTS, join(data, new Uint8Array(OVERSIZE)));
      return sendOversized(lab, attacker, [frameOf(attacker, packet)]);
    };
    await assertNothingArrives(lab, {
      victim: netns,
      attack: (data) => send(lab.bystander.addresses[of], data),
      honest: (data) => send(attacker.addresses[of], data),
    });
  }
}

export const DISGUISE_ATTACKS: AttackGroup = {
  title: "disguised packets",
  attacks: [
    ...DISGUISES.map(
      ({ name, cells, disguise }): Attack => ({
        title: `a false source behind ${name}`,
        cells,
        run: (lab, cell) => disguised(lab, cell, disguise),
      }),
    ),
    {
      title: "a false source in a frame of 14 KB, to be cut on its way (TCP segmentation)",
      cells: EVERYWHERE,
      run: oversized,
    },
    {
      title: "frames with tags of VLANs that no link has, one and two",
      cells: EVERYWHERE,
      async run(lab, cell) {
        const attacker = await lab.attackerOn("n1");
        const [inner, outer] = [
          { type: ETHERTYPE.vlan, id: 100 },
          { type: ETHERTYPE.qinq, id: 200 },
        ];
        await deliver(lab, cell, (destination, data) => {
          const frame = datagramFrame(attacker, { destination, data });
          return [tagged(frame, [inner]), tagged(frame, [outer, inner])];
        });
      },
    },
    {
      title: "a source route through the gateway",
      cells: EVERYWHERE,
      async run(lab, cell) {
        const attacker = await lab.attackerOn("n1");
        const gateway = cell.family === 4 ? "10.244.1.1" : "fd00:10:244:1::1";
        await deliver(lab, cell, (victim, data) => [sourceRouted(attacker, gateway, victim, data)]);
      },
    },
  ],
};
