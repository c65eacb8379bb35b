import { type Family, parseAddress } from "../../net/address.ts";
import type { Bandwidth, RateLimit } from "./bandwidth.ts";
import { type HostPort, PROTOCOLS } from "./host-ports.ts";

/** What a runtime asked for besides the network itself. */
export interface PodSettings {
  readonly hostPorts: readonly HostPort[];
  readonly bandwidth: Bandwidth;
  /** The pod may send from any address, which counts where the operator allows it. */
  readonly anySource: boolean;
}

export const NO_SETTINGS: PodSettings = {
  hostPorts: [],
  bandwidth: { ingress: undefined, egress: undefined },
  anySource: false,
};

/**
 * Since Linux 5.18 rtnl_linkprop of net/core/rtnetlink.c counts 132 bytes for each name of a link, however
 * short, and lets them have 64 KiB: 496. A pod may need four for its own name, one each for its UID, its
 * birth and any source, two for limits, and two for routing tables of its own.
 */
export const MAX_HOST_PORTS = 485;

const ANY_SOURCE = "anysource";

/**
 * Name of a host link whose pod answers through a routing table of the interface's own in this family
 * (plan/pod-routing.ts). The pod's namespace cannot be looked into after the ADD: this tells a later CHECK
 * what to look for.
 */
export function ownTableName(hostLink: string, family: Family): string {
  return `${hostLink}.owntable${family}`;
}

/**
 * Alternative names of a host link, in which the kernel keeps the settings of its pod: an alias has no room
 * for them, and the elements of nftables maps are gone when somebody flushes the rules while the agent is
 * away. One name each (`ip link` shows them): `HOST_LINK.tcp.8080.80[.HOST_IP]` with "-" for ":" in the
 * address, `HOST_LINK.in.RATE.BURST` and `HOST_LINK.out.RATE.BURST` in bits, `HOST_LINK.anysource`.
 */
export function formatAltNames(
  hostLink: string,
  { hostPorts, bandwidth, anySource }: PodSettings,
): readonly string[] {
  const limit = (direction: string, limited: RateLimit | undefined): string[] =>
    limited === undefined ? [] : [`${direction}.${limited.rate}.${limited.burst}`];
  return [
    ...hostPorts.map(({ protocol, hostPort, containerPort, hostIp }) => {
      const address = hostIp === undefined ? "" : `.${hostIp.replaceAll(":", "-")}`;
      return `${protocol}.${hostPort}.${containerPort}${address}`;
    }),
    ...limit("in", bandwidth.ingress),
    ...limit("out", bandwidth.egress),
    ...(anySource ? [ANY_SOURCE] : []),
  ].map((setting) => `${hostLink}.${setting}`);
}

/**
 * Inverse of {@link formatAltNames}, {@link NO_SETTINGS} itself where there are none; other names of the link
 * are passed over.
 */
export function parseAltNames(hostLink: string, names: readonly string[]): PodSettings {
  const hostPorts: HostPort[] = [];
  let { ingress, egress }: Bandwidth = NO_SETTINGS.bandwidth;
  const anySource = names.includes(`${hostLink}.${ANY_SOURCE}`);
  for (const name of names) {
    if (!name.startsWith(`${hostLink}.`)) continue;
    const [kind = "", first, second, ...rest] = name.slice(hostLink.length + 1).split(".");
    const [a, b] = [parseNumber(first), parseNumber(second)];
    if (a === undefined || b === undefined) continue;
    const protocol = PROTOCOLS.find((candidate) => candidate === kind);
    if (protocol !== undefined) {
      const address = rest.length === 0 ? undefined : parseAddress(rest.join(".").replaceAll("-", ":"));
      if (rest.length === 0 || address !== undefined)
        hostPorts.push({ protocol, hostPort: a, containerPort: b, hostIp: address });
    } else if (kind === "in") ingress = { rate: a, burst: b };
    else if (kind === "out") egress = { rate: a, burst: b };
  }
  const isEmpty = hostPorts.length === 0 && ingress === undefined && egress === undefined && !anySource;
  return isEmpty ? NO_SETTINGS : { hostPorts, bandwidth: { ingress, egress }, anySource };
}

function parseNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
