import type { Family } from "../../net/address.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import type { Finding } from "../finding.ts";
import { sysctlCommand } from "../shell.ts";

export interface ForwardingObservation {
  /** The bridge and the uplinks. */
  readonly links: readonly Pick<Link, "name" | "inetConf">[];
  /** Families of this node's PodCIDRs. */
  readonly families: readonly Family[];
  /** net.ipv6.conf.all.forwarding; undefined without IPv6. */
  readonly ipv6: number | undefined;
  /** net.ipv6.conf.LINK.accept_ra of uplinks. */
  readonly acceptRa: ReadonlyMap<string, number>;
}

const NAME = "forwarding";

/** IPv4 forwards by link, IPv6 as a whole (ip6_forward of net/ipv6/ip6_output.c). */
export function checkForwarding(observation: ForwardingObservation): readonly Finding[] {
  const { links, families } = observation;
  const ipv4 = families.includes(4) ? checkIpv4(links) : [];
  const ipv6 = families.includes(6) ? checkIpv6(observation) : [];
  const faults = [...ipv4, ...ipv6];
  if (faults.length > 0) return faults;
  if (families.length === 0)
    return [{ name: NAME, verdict: "info", evidence: "this node has no PodCIDR yet" }];
  const names = links.map(({ name }) => name).join(", ");
  return [{ name: NAME, verdict: "ok", evidence: `on for ${describe(families)} (${names})` }];
}

function describe(families: readonly Family[]): string {
  return families.map((family) => `IPv${family}`).join(" and ");
}

function checkIpv4(links: ForwardingObservation["links"]): Finding[] {
  return links
    .filter(({ inetConf }) => inetConf?.forwarding === 0)
    .map(({ name }) => ({
      name: NAME,
      verdict: "fail",
      evidence: `link ${name} does not forward IPv4: traffic to and from pods on it is dropped`,
      remedy: sysctlCommand(`net/ipv4/conf/${name}/forwarding`, 1),
    }));
}

function checkIpv6({ ipv6, acceptRa }: ForwardingObservation): Finding[] {
  if (ipv6 === undefined)
    return [{ name: NAME, verdict: "fail", evidence: "this node has an IPv6 PodCIDR but no IPv6" }];
  const faults: Finding[] = [];
  // First: a router that still accepts nothing loses its default route (RFC 4861 section 6.2.3).
  for (const [link, value] of acceptRa)
    if (value === 1)
      faults.push({
        name: NAME,
        verdict: "warn",
        evidence: `net.ipv6.conf.${link}.accept_ra is 1: with forwarding on, the node no longer accepts default routes from routers`,
        remedy: sysctlCommand(`net/ipv6/conf/${link}/accept_ra`, 2),
      });
  if (ipv6 === 0)
    faults.push({
      name: NAME,
      verdict: "fail",
      evidence: "net.ipv6.conf.all.forwarding is 0: over IPv6 pods reach only their gateway",
      remedy: sysctlCommand("net/ipv6/conf/all/forwarding", 1),
    });
  return faults;
}
