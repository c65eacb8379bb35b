import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { type Netns, removeNetns } from "../lib/netns.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { type ClusterLab, createClusterLab, type LabNode } from "../nodes/cluster-lab.ts";
import {
  ipBatch,
  netnsOf,
  type NodePlace,
  placeOf,
  PLACES,
  ROUTER,
  SEGMENT_MTU,
} from "../nodes/cluster-network.ts";
import { attachPod, type LabPod } from "../nodes/lab-pod.ts";
import type { Cell } from "./attack.ts";

/** A link from which frames can be sent, and what its owner knows of the other side. */
export interface Stand {
  readonly netns: Netns;
  readonly link: string;
  readonly mac: string;
  /** IPv4, then IPv6. */
  readonly addresses: readonly [string, string];
  /** Of whoever takes its packets. */
  readonly gatewayMac: string;
}

export interface AttackLab extends ClusterLab {
  /** Folder for logs, and for what an attack needs. */
  readonly folder: string;
  /** The compiled attacker. */
  readonly program: string;
  /** A machine on the segment of n1 and n2 that is no node; what it sends to others goes to n1. */
  readonly foreign: Stand;
  /** A third pod on n1. */
  readonly bystander: LabPod;
  /** The first pod of a node, as attacker. */
  attackerOn(node: string): Promise<Stand>;
  /** The nodes whose second pods are the victims of a cell, when n1's first pod attacks. */
  victims(cell: Cell): readonly LabNode[];
}

/**
 * Beside those of e2e/nodes: one with IPv6 on its uplink and IPv4 pods only, on which nothing ever switches
 * IPv6 forwarding on.
 */
const ATTACK_PLACES: readonly NodePlace[] = [
  ...PLACES,
  { ...placeOf(6, "a", ["192.0.2.16", "2001:db8:2::16"]), podCIDRs: ["10.244.6.0/24"] },
];

const FOREIGN = ["192.0.2.66", "2001:db8:2::66"] as const;

/** n5 has IPv6 only: the overlay to it goes over IPv6. */
const VICTIMS = { node: ["n1"], direct: ["n2"], vxlan: ["n3", "n5"] } as const;

/** Makes the cluster of e2e/nodes, a node more, and a foreign machine. */
export async function createAttackLab(): Promise<AttackLab> {
  const { CAUSEWAY_E2E_FOLDER: runFolder = "", CAUSEWAY_E2E_TAG: tag = "" } = process.env;
  await using cleanUps = new AsyncDisposableStack();
  const lab = await createClusterLab({ places: ATTACK_PLACES, prepare: lowerGuards });
  cleanUps.defer(lab.close);
  const folder = mkdtempSync(join(runFolder, "attack-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const program = await compileAttacker(folder);
  const netns = netnsOf(`${tag}-foreign`);
  cleanUps.defer(() => removeNetns(netns.name));
  await addForeign(lab, netns);
  const foreign = {
    netns,
    link: "up0",
    mac: await macOfLink(netns, "up0"),
    addresses: FOREIGN,
    gatewayMac: await macOfLink(lab.node("n1").netns, "up0"),
  };
  const bystander = await attachPod(lab.node("n1"), { name: `${tag}-n1-bystander` });
  cleanUps.defer(bystander.remove);
  const finish = cleanUps.move();
  return {
    ...lab,
    folder,
    program,
    foreign,
    bystander,
    attackerOn: (name) => standOf(lab.node(name).pods[0]),
    victims: ({ place }) => VICTIMS[place].map((name) => lab.node(name)),
    close: () => finish.disposeAsync(),
  };
}

/**
 * Nothing but the agent may stop an attack: no reverse path filters; and on n2 advertisements count although
 * the node forwards.
 */
async function lowerGuards(node: Netns, { name }: NodePlace): Promise<void> {
  const settings = ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"];
  const advertisements = name === "n2" ? ["net.ipv6.conf.default.accept_ra=2"] : [];
  await runCommand([...node.enter, "sysctl", "-qw", ...settings, ...advertisements]);
}

async function compileAttacker(folder: string): Promise<string> {
  const program = join(folder, "attacker");
  const flags = ["-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"];
  await runCommand(["gcc", ...flags, "-o", program, join(REPOSITORY, "e2e", "attack", "attacker.c")]);
  return program;
}

async function addForeign({ network }: ClusterLab, netns: Netns): Promise<void> {
  await runCommand(["ip", "netns", "add", netns.name]);
  const mtu = SEGMENT_MTU.a;
  await ipBatch(network.router, [
    `link add to-foreign mtu ${mtu} type veth peer name up0 mtu ${mtu} netns ${netns.name}`,
    "link set to-foreign master seg-a up",
  ]);
  await ipBatch(netns, [
    "link set lo up",
    `addr add ${FOREIGN[0]}/24 dev up0`,
    `addr add ${FOREIGN[1]}/64 dev up0 nodad`,
    "link set up0 up",
    `route add default via ${ROUTER.a[0]}`,
    `route add default via ${ROUTER.a[1]} dev up0`,
  ]);
}

/** A pod as a place to attack from, with what anybody in it can look up. */
export async function standOf({ netns, addresses }: LabPod): Promise<Stand> {
  const neighbours = await runCommand([...netns.enter, "ip", "neigh", "show", "dev", "eth0"]);
  const gatewayMac = /lladdr (\S+)/.exec(neighbours)?.[1];
  if (gatewayMac === undefined) throw new Error(`The pod knows no gateway: ${neighbours}`);
  return { netns, link: "eth0", mac: await macOfLink(netns, "eth0"), addresses, gatewayMac };
}

async function macOfLink(netns: Netns, link: string): Promise<string> {
  const shown = await runCommand([...netns.enter, "ip", "-json", "link", "show", link]);
  const [{ address } = { address: "" }] = JSON.parse(shown) as readonly { address: string }[];
  return address;
}

/** The address of fe80::/10 that a link has. */
export async function linkLocalOfLink({ enter }: Netns, link: string): Promise<string> {
  const shown = await runCommand([
    ...enter,
    "ip",
    "-6",
    "-o",
    "address",
    "show",
    "dev",
    link,
    "scope",
    "link",
  ]);
  const address = /inet6 (fe80:[^/]+)/.exec(shown)?.[1];
  if (address === undefined) throw new Error(`Link ${link} has no link-local address`);
  return address;
}
