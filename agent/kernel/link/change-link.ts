import { IN6_ADDR_GEN_MODE_NONE } from "../../netlink/constants.ts";
import type { InetConf } from "../../netlink/link/inet-conf.ts";
import { type LinkChange, setLink } from "../../netlink/link/link.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { findLink } from "../socket/read-one.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/**
 * One change can make another necessary: an MTU that IPv6 needs brings IPv6 back with its own default
 * settings.
 */
const MAX_ROUNDS = 2;

export interface ChangedLink {
  readonly link: Link;
  /** Names of what was not as planned. */
  readonly changed: readonly string[];
}

/** Changes a link until nothing is left that `diff` finds. */
export async function changeLink(
  rtnetlink: NetlinkClient,
  link: Link,
  diff: (link: Link) => LinkChange,
): Promise<ChangedLink> {
  const changed = new Set<string>();
  let current = link;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { up, ...settings } = diff(current);
    const names = Object.keys({ ...settings, ...(up === undefined ? {} : { up }) });
    if (names.length === 0) break;
    for (const name of names) changed.add(name);
    // Up comes in a message of its own: the kernel sets flags before it looks at the settings of address
    // families.
    await rtnetlink.execute([
      { requests: [setLink(link.index, settings), ...(up === true ? [setLink(link.index, { up })] : [])] },
    ]);
    current = await existingLink(rtnetlink, link.name);
  }
  return { link: current, changed: [...changed] };
}

/** What a link has that the host routes through: the bridge, a VXLAN or WireGuard device. */
export interface RoutedLink {
  readonly alias: string;
  /** Undefined where the kind has none. */
  readonly mac?: string | undefined;
  readonly mtu: number;
  /** IPv4 settings beside {@link ROUTER_CONF}. */
  readonly conf?: InetConf;
}

/**
 * IPv4 settings of every link that we let forward. A router is told no ways by others (RFC 1812 section
 * 5.2.7.2); the kernel believes redirects all the same where forwarding is on for the link alone, and a
 * forged one moves a route of the node.
 */
export const ROUTER_CONF = {
  forwarding: 1,
  accept_redirects: 0,
  secure_redirects: 0,
} as const satisfies InetConf;

export function isRouter(conf: InetConf | undefined): boolean {
  return hasConf(conf, ROUTER_CONF);
}

function hasConf(conf: InetConf | undefined, wanted: InetConf): boolean {
  const entries = Object.entries(wanted) as readonly (readonly [keyof InetConf, number])[];
  return conf !== undefined && entries.every(([name, value]) => conf[name] === value);
}

/**
 * What must change of a link so that it is up, forwards, and has no address of the kernel's making. Empty
 * when all is as planned.
 */
export function diffRoutedLink({ alias, mac, mtu, conf }: RoutedLink, link: Link): LinkChange {
  const inetConf = { ...ROUTER_CONF, ...conf };
  return {
    ...(link.alias === alias ? {} : { alias }),
    ...(mac === undefined || link.mac === mac ? {} : { mac }),
    ...(link.mtu === mtu ? {} : { mtu }),
    // Absent on a kernel without IPv6.
    ...(link.addrGenMode === undefined || link.addrGenMode === IN6_ADDR_GEN_MODE_NONE
      ? {}
      : { addrGenMode: IN6_ADDR_GEN_MODE_NONE }),
    ...(hasConf(link.inetConf, inetConf) ? {} : { inetConf }),
    ...(link.up ? {} : { up: true }),
  };
}

/** A link that was there, or made, a moment ago. */
export async function existingLink(rtnetlink: NetlinkClient, name: string): Promise<Link> {
  const link = await findLink(rtnetlink, name);
  if (link === undefined)
    throw new Error(`Cannot find link "${name}": it was deleted right after it was created`);
  return link;
}
