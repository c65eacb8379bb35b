import assert from "node:assert/strict";
import { verifyThrough } from "../lib/ask-agent.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { type Attack, type AttackGroup, type Cell, cellsAt } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { createObjectLab, nodeObject, type ObjectLab } from "./node-objects.ts";
import { REBIRTH_ATTACKS } from "./rebirth-attacks.ts";
import { indexOf } from "./targets.ts";

/** What a Node claims that belongs to others, as PodCIDRs of IPv4 and of IPv6. */
const CLAIMS: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  "both halves of the world": [
    ["0.0.0.0/1", "128.0.0.0/1"],
    ["::/1", "8000::/1"],
  ],
  "the cloud's metadata server": [["169.254.169.254/32"], ["fd00:ec2::254/128"]],
  "link-local addresses": [["169.254.0.0/16"], ["fe80::/10"]],
  "addresses behind NAT64": [[], ["64:ff9b::/96"]],
  "addresses of IPv4 in IPv6": [[], ["::/80"]],
  "loopback addresses": [["127.0.0.0/8"], ["::1/128"]],
  "multicast addresses": [["224.0.0.0/4"], ["ff00::/8"]],
  "a node's router": [["192.0.2.1/32"], ["2001:db8:2::1/128"]],
  "a node's own address": [["192.0.2.11/32"], ["2001:db8:2::11/128"]],
  "another node's address": [["203.0.113.13/32"], ["2001:db8:3::13/128"]],
  "a server of the world": [["198.51.100.1/32"], ["2001:db8:100::1/128"]],
  "both halves of the uplink's subnet": [
    ["192.0.2.0/25", "192.0.2.128/25"],
    ["2001:db8:2::/65", "2001:db8:2:0:8000::/65"],
  ],
  "another node's PodCIDR": [["10.244.2.0/24"], ["fd00:10:244:2::/64"]],
  "a part of the node's own PodCIDR": [["10.244.1.0/25"], ["fd00:10:244:1::/65"]],
  "a part of another node's PodCIDR": [["10.244.2.0/25"], ["fd00:10:244:2::/65"]],
  "all nodes' PodCIDRs": [["10.244.0.0/16"], ["fd00:10:244::/48"]],
};

/** Addresses at which no other node can be. */
const NOWHERE: Readonly<Record<string, readonly [string, string]>> = {
  loopback: ["127.0.0.1", "::1"],
  multicast: ["224.0.0.1", "ff02::1"],
  unspecified: ["0.0.0.0", "::"],
  "that of a whole subnet": ["192.0.2.255", "2001:db8:2::"],
  "the node's own": ["192.0.2.11", "2001:db8:2::11"],
};

const PREFIXES_OF_CLUSTER = ["--cluster-cidr", "10.244.0.0/16", "--cluster-cidr", "fd00:10:244::/48"];

/** The ways that must stay as they are. */
const WAYS = [
  "8.8.8.8",
  "169.254.169.254",
  "192.0.2.1",
  "192.0.2.200",
  "198.51.100.1",
  "10.244.2.5",
  "10.244.3.5",
];
const WAYS6 = [
  "2001:db8:9::9",
  "2001:db8:2::1",
  "2001:db8:2::200",
  "2001:db8:100::1",
  "fd00:10:244:2::5",
  "fd00:10:244:3::5",
];

async function waysOf(node: LabNode): Promise<readonly string[]> {
  const ways = [...WAYS, ...WAYS6].map((address) => node.run("ip", "-o", "route", "get", address));
  return (await Promise.all(ways)).map((line) => line.replace(/ uid .*/s, "").trim());
}

async function routesOf(node: LabNode): Promise<string> {
  return `${await node.run("ip", "route", "show", "table", "all")}${await node.run("ip", "-6", "route", "show", "table", "all")}`;
}

/**
 * An honest Node that comes behind the hostile one: when its route is there, the other one has been heard of.
 */
const PROBE = nodeObject(
  {
    name: "z-probe",
    addresses: ["192.0.2.77", "2001:db8:2::77"],
    podCIDRs: ["10.244.77.0/24", "fd00:10:244:77::/64"],
  },
  59,
);

/** A younger Node on the same segment as n1, or behind the router, whose name comes first. */
function hostileAt({ place, family }: Cell, podCIDRs: readonly string[]): Parameters<typeof nodeObject>[0] {
  const addresses =
    place === "direct" ? ["192.0.2.66", "2001:db8:2::66"] : ["203.0.113.66", "2001:db8:3::66"];
  return { name: "a-hostile", addresses: [addresses[indexOf({ family })] ?? ""], podCIDRs };
}

/** Shows n1 a hostile Node: no way changes, and the log names Node and prefix. */
async function show(
  lab: AttackLab,
  objects: ObjectLab,
  hostile: Parameters<typeof nodeObject>[0],
  named: readonly string[],
): Promise<void> {
  const n1 = lab.node("n1");
  const before = await waysOf(n1);
  const logged = n1.agent().log().length;
  try {
    await objects.setOthers([nodeObject(hostile, 50), PROBE]);
    await waitFor(
      "the route to the probe",
      async () => (await routesOf(n1)).includes("10.244.77.0/24") || undefined,
      { timeoutMs: 10_000 },
    );
    await verifyThrough(n1.socket);
    assert.deepEqual(await waysOf(n1), before);
    const routes = await routesOf(n1);
    for (const prefix of hostile.podCIDRs.filter((cidr) => !isHonest(lab, cidr)))
      assert.ok(
        !routes.includes(`${prefix.replace(/\/(32|128)$/, "")} via`),
        `there is a route to ${prefix}`,
      );
    for (const text of ["a-hostile", ...named])
      await waitFor(
        `"${text}" in the log`,
        () => n1.agent().log().slice(logged).includes(text) || undefined,
        { timeoutMs: 5000 },
      );
  } finally {
    await objects.setOthers([]);
    await waitFor(
      "the end of the probe",
      async () => !(await routesOf(n1)).includes("10.244.77.0/24") || undefined,
      { timeoutMs: 10_000 },
    );
  }
}

function isHonest({ nodes }: AttackLab, cidr: string): boolean {
  return nodes.some(({ place }) => place.podCIDRs.includes(cidr));
}

/** All attacks by objects share the agent that takes its nodes from Kubernetes. */
let shared: ObjectLab | undefined;

const CELLS = cellsAt("direct", "vxlan");

async function withObjects(lab: AttackLab): Promise<ObjectLab> {
  shared ??= await createObjectLab(lab, lab.node("n1"));
  return shared;
}

async function endShared(): Promise<void> {
  await shared?.close();
  shared = undefined;
}

const claims: readonly Attack[] = Object.entries(CLAIMS).map(([what, prefixes]) => ({
  title: `a Node claims ${what}`,
  cells: CELLS.filter((cell) => prefixes[indexOf(cell)].length > 0),
  async run(lab, cell) {
    const podCIDRs = prefixes[indexOf(cell)];
    await show(lab, await withObjects(lab), hostileAt(cell, podCIDRs), podCIDRs);
  },
}));

const places: readonly Attack[] = Object.entries(NOWHERE).map(([what, addresses]) => ({
  title: `a Node says that it is at an address that is ${what}`,
  cells: cellsAt("direct"),
  async run(lab, cell) {
    const address = addresses[indexOf(cell)];
    const podCIDRs = [["10.244.88.0/24"], ["fd00:10:244:88::/64"]][indexOf(cell)] ?? [];
    await show(lab, await withObjects(lab), { name: "a-hostile", addresses: [address], podCIDRs }, [address]);
  },
}));

export const OBJECT_ATTACKS: AttackGroup = {
  title: "Node objects",
  attacks: [
    ...claims,
    ...places,
    ...REBIRTH_ATTACKS.map(({ title, run }) => ({
      title,
      cells: CELLS,
      run: async (lab: AttackLab, cell: Cell) => run(lab, await withObjects(lab), cell),
    })),
    {
      title: "a Node claims a network of the world, and the operator has named the cluster's",
      cells: CELLS,
      async run(lab, cell) {
        await endShared();
        const objects = await createObjectLab(lab, lab.node("n1"), ...PREFIXES_OF_CLUSTER);
        try {
          const podCIDRs = [["198.51.100.0/24"], ["2001:db8:100::/64"]][indexOf(cell)] ?? [];
          await show(lab, objects, hostileAt(cell, podCIDRs), podCIDRs);
        } finally {
          await objects.close();
        }
      },
    },
  ],
  end: () => endShared(),
};
