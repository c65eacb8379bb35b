import assert from "node:assert/strict";
import { addressToBytes } from "../../agent/net/address.ts";
import { linkLocalOf } from "../../agent/net/mac.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { attachPod } from "../nodes/lab-pod.ts";
import { sendFrames } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt } from "./attack.ts";
import type { AttackLab, Stand } from "./attack-lab.ts";
import { checksum, join, u16, u32, withU16 } from "../../agent/testing/packets/frames/bytes.ts";
import { ETHERTYPE, ethernet } from "../../agent/testing/packets/frames/ethernet.ts";
import { icmp, ip } from "../../agent/testing/packets/frames/ip.ts";
import { assertNotHeldUp } from "./held-up.ts";
import { indexOf } from "./targets.ts";

const IGMP = 2;
const GROUPS = 50;

/** A question about all groups, and the report that a group is wanted (RFC 2236, RFC 2710). */
const MESSAGES = { 4: { question: 0x11, report: 0x16 }, 6: { question: 130, report: 131 } } as const;

function groupMessage(source: string, group: string, type: number): Uint8Array {
  const address = addressToBytes(group);
  if (source.includes(":"))
    return icmp({ source, destination: group, ttl: 1 }, { type, body: join(u32(0), address) });
  const body = join(Uint8Array.of(type, 1), u16(0), address);
  return ip({ source, destination: group, protocol: IGMP, ttl: 1 }, withU16(body, 2, checksum(body)));
}

/** To everybody and to the gateway. */
function groupFrames({ mac, gatewayMac, addresses }: Stand, { family }: Cell): readonly Uint8Array[] {
  const source = family === 4 ? addresses[0] : linkLocalOf(mac);
  const everybody = family === 4 ? "01:00:5e:00:00:01" : "33:33:00:00:00:01";
  return Array.from({ length: GROUPS }, (_, index) => {
    const group = family === 4 ? `239.1.1.${index}` : `ff15::${index + 1}`;
    return Object.values(MESSAGES[family]).map((type) => groupMessage(source, group, type));
  })
    .flat()
    .flatMap((packet) =>
      [everybody, gatewayMac].map((destination) =>
        ethernet({ source: mac, destination, type: ETHERTYPE[`ipv${family}`] }, packet),
      ),
    );
}

/** Does something again and again until it is ended. */
function keepOn(work: () => Promise<void>): () => Promise<void> {
  const over = new AbortController();
  const going = (async () => {
    while (!over.signal.aborted) await work();
  })();
  return () => {
    over.abort();
    return going;
  };
}

/** Groups that the bridge knows, and that the node itself is in. */
async function groupsOf(node: LabNode): Promise<readonly string[]> {
  const known = await node.run("bridge", "mdb", "show", "dev", "cw0");
  return [
    known.includes("239.1.1.") || known.includes("ff15:") ? known : "",
    await node.run("ip", "maddr", "show", "dev", "cw0"),
  ];
}

async function floodGroups(lab: AttackLab, cell: Cell): Promise<void> {
  const n1 = lab.node("n1");
  const attacker = await lab.attackerOn("n1");
  const frames = groupFrames(attacker, cell);
  const before = await groupsOf(n1);
  await assertNotHeldUp(lab, n1, () =>
    Promise.resolve(keepOn(() => sendFrames(lab, attacker, frames, 1000))),
  );
  assert.deepEqual(await groupsOf(n1), before);
}

/** A pod whose user has written more host ports than a node can serve, in its runtime's endless tries. */
async function floodPorts(lab: AttackLab, cell: Cell): Promise<void> {
  const n1 = lab.node("n1");
  const hostIP = n1.place.addresses[indexOf(cell)] ?? "";
  const portMappings = Array.from({ length: 10_000 }, (_, index) => {
    return { hostPort: index + 10_000, containerPort: 80, protocol: "tcp", hostIP };
  });
  const greedy = { name: `${lab.bystander.netns.name}-greedy`, runtimeConfig: { portMappings } };
  await assertNotHeldUp(lab, n1, () =>
    Promise.resolve(keepOn(() => assert.rejects(attachPod(n1, greedy), /10000 host ports .* at most 485/))),
  );
}

export const FLOOD_ATTACKS: AttackGroup = {
  title: "floods",
  attacks: [
    {
      title: "a flood of questions and reports about groups (IGMP, MLD)",
      cells: cellsAt("node"),
      run: floodGroups,
    },
    { title: "a pod asks for 10,000 host ports, again and again", cells: cellsAt("node"), run: floodPorts },
  ],
};
