import { type Host, ip, makeHost, netnsPath } from "../machine.ts";

/** Two nodes on one cable, each with an uplink of its own to the outside. */
export interface Site {
  readonly id: string;
  readonly nodes: readonly [SiteNode, SiteNode];
  /**
   * The address at which the pods of the first node reach the outside, which is our own network namespace.
   */
  readonly outside: string;
}

export interface SiteNode {
  readonly host: Host;
  /** Its address on the cable. */
  readonly address: string;
  readonly podCidr: string;
}

export const OUTSIDE = "/proc/1/ns/net";

/** All pods' addresses. */
export const CLUSTER_CIDR = "10.0.0.0/8";

/** Both ends of the cable have it; other nodes are in the same subnet. */
export const CABLE = "cable0";
const CABLE_PREFIX = 12;

let sites = 0;

/** The first node has so many pods, the second one has one. */
export function makeSite(id: string, pods: number): Site {
  const number = sites++;
  const nodeOf = (index: 0 | 1): SiteNode => ({
    host: makeHost(`${id}-${index === 0 ? "near" : "far"}`, 2 * number + index, index === 0 ? pods : 1),
    address: `172.16.0.${index + 1}`,
    podCidr: `10.0.${index + 1}.0/24`,
  });
  const nodes = [nodeOf(0), nodeOf(1)] as const;
  const [near, far] = nodes.map(({ host }) => host.netns);
  ip([`link add ${CABLE} netns ${near} type veth peer name ${CABLE} netns ${far}`]);
  for (const { host, address } of nodes) {
    ip([`address add ${address}/${CABLE_PREFIX} dev ${CABLE}`, `link set ${CABLE} up`], host.netns);
  }
  return { id, nodes, outside: `192.0.2.${8 * number + 1}` };
}

/** Another node on the cable, of thousands: its address and its pods' prefix. `index` counts from 0. */
export function otherNode(index: number): { readonly address: string; readonly podCidr: string } {
  const [high, low] = [index >> 8, index & 255];
  return { address: `172.17.${high}.${low}`, podCidr: `10.${16 + high}.${low}.0/24` };
}

export function podPath({ host }: SiteNode, pod: number): string {
  return netnsPath(host.podNetns[pod] ?? "");
}
