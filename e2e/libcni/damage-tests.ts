import assert from "node:assert/strict";
import { runCommand } from "../lib/command.ts";
import { addPod, assertFailure, assertSuccess, type CniLab, type Pod, testInLab } from "./cni-lab.ts";
import { GATEWAYS, type NodeLab } from "./node-lab.ts";

interface Damage {
  readonly name: string;
  /** Arguments of `ip`. */
  readonly ip: (pod: Pod) => string;
  /** Where it happens. */
  readonly side: "pod" | "node";
  /** What the message has to hold. */
  readonly names: (pod: Pod) => readonly string[];
}

const v4 = ({ addresses }: Pod): string => addresses[0] ?? "";
const v6 = ({ addresses }: Pod): string => addresses[1] ?? "";

const IN_POD: readonly Damage[] = [
  {
    name: "the IPv4 address is deleted",
    side: "pod",
    ip: (pod) => `addr del ${v4(pod)}/32 dev eth0`,
    names: (pod) => ["address", `${v4(pod)}/32`],
  },
  {
    name: "the IPv6 address is deleted",
    side: "pod",
    ip: (pod) => `addr del ${v6(pod)}/128 dev eth0`,
    names: (pod) => ["address", `${v6(pod)}/128`],
  },
  {
    name: "the link is set down",
    side: "pod",
    ip: () => "link set eth0 down",
    names: () => ["eth0", "down"],
  },
  {
    // A lower one may be the request of a later plugin.
    name: "the MTU is raised",
    side: "pod",
    ip: () => "link set eth0 mtu 1500",
    names: () => ["eth0", "MTU 1500", "1380"],
  },
  {
    name: "the MAC is changed",
    side: "pod",
    ip: () => "link set eth0 address 02:00:00:00:00:77",
    names: ({ mac }) => ["eth0", "02:00:00:00:00:77", mac],
  },
  {
    name: "the link is deleted",
    side: "pod",
    ip: () => "link del eth0",
    names: ({ hostLink }) => [hostLink],
  },
  {
    name: "the link is renamed",
    side: "pod",
    // An interface that is up keeps its name on older kernels.
    ip: () => "link set eth0 down name moved0",
    names: () => ["eth0", "missing"],
  },
  {
    name: "the IPv4 default route is deleted",
    side: "pod",
    ip: () => "-4 route del default",
    names: () => ["IPv4", "default route"],
  },
  {
    name: "the IPv6 default route is deleted",
    side: "pod",
    ip: () => "-6 route del default",
    names: () => ["IPv6", "default route"],
  },
  {
    name: "the route to the gateway is deleted",
    side: "pod",
    ip: () => `-4 route del ${GATEWAYS[0]}`,
    names: () => ["route", GATEWAYS[0]],
  },
  {
    name: "the gateway's neighbour entry is deleted",
    side: "pod",
    ip: () => `neigh del ${GATEWAYS[1]} dev eth0`,
    names: () => ["neighbour", GATEWAYS[1]],
  },
];

const ON_NODE: readonly Damage[] = [
  {
    name: "the bridge loses the pod's IPv4 neighbour",
    side: "node",
    ip: (pod) => `neigh del ${v4(pod)} dev cw0`,
    names: (pod) => ["neighbour", v4(pod)],
  },
  {
    name: "the bridge loses the pod's IPv6 neighbour",
    side: "node",
    ip: (pod) => `neigh del ${v6(pod)} dev cw0`,
    names: (pod) => ["neighbour", v6(pod)],
  },
  {
    name: "a neighbour leads elsewhere",
    side: "node",
    ip: (pod) => `neigh replace ${v4(pod)} lladdr 02:00:00:00:00:77 dev cw0 nud permanent`,
    names: (pod) => ["neighbour", v4(pod), "02:00:00:00:00:77"],
  },
  {
    name: "the port is taken out of the bridge",
    side: "node",
    ip: ({ hostLink }) => `link set ${hostLink} nomaster`,
    names: ({ hostLink }) => [hostLink, "bridge"],
  },
  {
    name: "the port is isolated from the others",
    side: "node",
    ip: ({ hostLink }) => `link set ${hostLink} type bridge_slave isolated on`,
    names: ({ hostLink }) => [hostLink, "isolated"],
  },
  {
    name: "the host's end is set down",
    side: "node",
    ip: ({ hostLink }) => `link set ${hostLink} down`,
    names: ({ hostLink }) => [hostLink, "down"],
  },
  {
    name: "the host's end is deleted",
    side: "node",
    ip: ({ hostLink }) => `link del ${hostLink}`,
    names: ({ id }) => [id],
  },
];

/** CHECK of a pod whose network somebody has damaged says exactly what is missing. */
export function testDamage(getLab: () => CniLab): void {
  for (const damage of [...IN_POD, ...ON_NODE]) {
    testInLab(`CHECK fails when ${damage.name}`, getLab, async (lab) => {
      const { node } = lab;
      const pod = await addPod(lab);
      const place = damage.side === "pod" ? pod.name : node.network.node.name;
      const act = ["ip", "-n", place, ...damage.ip(pod).split(" ")];
      await expectDamage(lab, pod, act, damage.names(pod));
    });
  }

  testInLab("CHECK fails when the bridge's forwarding entry is deleted", getLab, async (lab) => {
    const pod = await addPod(lab);
    const entry = ["fdb", "del", pod.mac, "dev", pod.hostLink, "master"];
    await expectDamage(
      lab,
      pod,
      [...lab.node.network.node.enter, "bridge", ...entry],
      [pod.mac, pod.hostLink],
    );
  });

  testInLab("CHECK fails when the nftables table is deleted", getLab, async (lab) => {
    const { node } = lab;
    const pod = await addPod(lab);
    const act = [...node.network.node.enter, "nft", "delete", "table", "inet", "causeway"];
    try {
      await expectDamage(lab, pod, act, ["nftables", "table", "missing"]);
    } finally {
      await node.stopAgent();
      await node.agent();
    }
    assertSuccess(await lab.libcni.check({ conflist: node.conflist, pod }));
  });
}

/**
 * Damages, and asks at once. The agent may have repaired the node's side by then: CHECK may only succeed when
 * everything is back as it was before the damage.
 */
async function expectDamage(
  { node, libcni }: CniLab,
  pod: Pod,
  act: readonly string[],
  names: readonly string[],
): Promise<void> {
  const call = { conflist: node.conflist, pod };
  assertSuccess(await libcni.check(call));
  const before = await observePair(node, pod);
  await runCommand(act);
  const answer = await libcni.check(call);
  if (answer.error === undefined) assert.deepEqual(await observePair(node, pod), before);
  else assertFailure(answer, 102, pod.id, ...names);
}

/** Everything that the damages of this file touch. */
async function observePair({ view, network }: NodeLab, pod: Pod): Promise<unknown> {
  const outer = (await view.links()).find(({ ifname }) => ifname === pod.hostLink);
  const inner = (await pod.view.links()).find(({ ifname }) => ifname === "eth0");
  const tables = await runCommand([...network.node.enter, "nft", "list", "tables"]);
  const links = [outer, inner].map((link) => [
    link?.ifname,
    link?.master,
    link?.mtu,
    link?.address,
    link?.flags,
    link?.linkinfo?.info_slave_data?.["isolated"],
  ]);
  return {
    links,
    tables,
    neighbours: await view.neighbours("cw0"),
    fdb: await view.fdb("cw0"),
    inPod: [await pod.view.routes(4), await pod.view.routes(6)],
  };
}
