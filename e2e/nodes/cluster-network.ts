import type { NodeKeys } from "../../agent/plan/peers/claim.ts";
import { runCommand } from "../lib/command.ts";
import { type Netns, removeNetns } from "../lib/netns.ts";

/** One node of the lab as its network has it. */
export interface NodePlace {
  readonly name: string;
  readonly segment: "a" | "b";
  /** IPv4 first where the node has it; none of one family for a node that has only the other. */
  readonly addresses: readonly string[];
  readonly podCIDRs: readonly string[];
  /** Its key for encryption, where it has published one. */
  readonly wireguard?: NodeKeys | undefined;
}

/**
 * Two nodes on one segment, one behind a router, and a pair that has IPv6 only, one of it on each side of the
 * router.
 */
export const PLACES: readonly NodePlace[] = [
  placeOf(1, "a", ["192.0.2.11", "2001:db8:2::11"]),
  placeOf(2, "a", ["192.0.2.12", "2001:db8:2::12"]),
  placeOf(3, "b", ["203.0.113.13", "2001:db8:3::13"]),
  placeOf(4, "a", ["2001:db8:2::14"]),
  placeOf(5, "b", ["2001:db8:3::15"]),
];

export function placeOf(number: number, segment: "a" | "b", addresses: readonly string[]): NodePlace {
  const podCIDRs = [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`] as const;
  return { name: `n${number}`, segment, addresses, podCIDRs };
}

/** Of the second segment smaller, so that MTUs show where they came from. */
export const SEGMENT_MTU = { a: 1500, b: 1400 } as const;

export const ROUTER = {
  a: ["192.0.2.1", "2001:db8:2::1"],
  b: ["203.0.113.1", "2001:db8:3::1"],
} as const;

/** Addresses behind the router, which know nothing of pods. */
export const WORLD = ["198.51.100.1", "2001:db8:100::1"] as const;

export interface ClusterNetwork {
  readonly router: Netns;
  node(name: string): Netns;
  remove(): Promise<void>;
}

/**
 * Makes all namespaces, named after `tag`; each node has the uplink `up0`, default routes, and strict reverse
 * path filters.
 */
export async function createClusterNetwork(
  tag: string,
  places: readonly NodePlace[],
): Promise<ClusterNetwork> {
  const router = netnsOf(`${tag}-router`);
  const nodes = new Map(places.map(({ name }) => [name, netnsOf(`${tag}-${name}`)]));
  const all = [router, ...nodes.values()];
  const remove = async (): Promise<void> => {
    for (const { name } of all) await removeNetns(name);
  };
  try {
    for (const { name } of all) await runCommand(["ip", "netns", "add", name]);
    await ipBatch(router, routerLines());
    for (const place of places) {
      const netns = nodes.get(place.name) ?? router;
      await ipBatch(router, [
        `link add to-${place.name} mtu ${SEGMENT_MTU[place.segment]} type veth peer name up0 mtu ${SEGMENT_MTU[place.segment]} netns ${netns.name}`,
        `link set to-${place.name} master seg-${place.segment} up`,
      ]);
      await ipBatch(netns, ["link set lo up", ...uplinkLines(place)]);
      await runCommand([...netns.enter, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1"]);
    }
    const forwarding = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    await runCommand([...router.enter, "sysctl", "-qw", ...forwarding]);
  } catch (error) {
    await remove();
    throw error;
  }
  return { router, node: (name) => nodes.get(name) ?? unknown(name), remove };
}

function unknown(name: string): never {
  throw new Error(`The lab has no node "${name}"`);
}

function routerLines(): readonly string[] {
  const segments = (["a", "b"] as const).flatMap((segment) => [
    `link add seg-${segment} type bridge`,
    `link set seg-${segment} mtu ${SEGMENT_MTU[segment]} up`,
    `addr add ${ROUTER[segment][0]}/24 dev seg-${segment}`,
    `addr add ${ROUTER[segment][1]}/64 dev seg-${segment} nodad`,
  ]);
  return [
    "link set lo up",
    ...segments,
    `addr add ${WORLD[0]}/32 dev lo`,
    `addr add ${WORLD[1]}/128 dev lo nodad`,
  ];
}

/** What a network manager does when the link comes up. */
export function uplinkLines({ segment, addresses }: NodePlace): readonly string[] {
  return [
    ...addresses.map((address) =>
      address.includes(":")
        ? `addr replace ${address}/64 dev up0 nodad`
        : `addr replace ${address}/24 dev up0`,
    ),
    "link set up0 up",
    ...addresses.map((address) =>
      address.includes(":")
        ? `route replace default via ${ROUTER[segment][1]} dev up0`
        : `route replace default via ${ROUTER[segment][0]} dev up0`,
    ),
  ];
}

export function netnsOf(name: string): Netns {
  return { name, enter: ["nsenter", `--net=/run/netns/${name}`, "--"] };
}

export async function ipBatch({ name }: Netns, lines: readonly string[]): Promise<void> {
  await runCommand(["ip", "-n", name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
