import { counted } from "../../text/count.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import type { Finding } from "../finding.ts";
import { sysctlCommand } from "../shell.ts";

export interface ReversePathObservation {
  /** net.ipv4.conf.all.rp_filter: a link has the larger of this and its own. */
  readonly all: number;
  /** Bridge, VXLAN devices and uplinks. */
  readonly links: readonly Pick<Link, "name" | "inetConf">[];
  /** How many of `links` are uplinks. */
  readonly uplinks: number;
  /** IPReversePathFilter of /proc/net/netstat: packets that the filter has dropped. */
  readonly dropped: number;
}

const NAME = "rp_filter";
/** Documentation/networking/ip-sysctl.rst */
const STRICT = 1;
const LOOSE = 2;

/**
 * A strict filter drops what comes in through another link than the answer would leave by. Causeway's own
 * ways are the same in both directions, so it hurts only where a node has several uplinks, or where it has
 * dropped packets already.
 */
export function checkReversePath(observation: ReversePathObservation): readonly Finding[] {
  const { all, links, uplinks, dropped } = observation;
  const strict = links.filter(({ inetConf }) => Math.max(all, inetConf?.rp_filter ?? 0) === STRICT);
  if (strict.length === 0)
    return [{ name: NAME, verdict: "ok", evidence: "not strict on any link that carries pods' traffic" }];
  const isHarmful = dropped > 0 || uplinks > 1;
  const reason =
    dropped > 0
      ? `it has dropped ${counted(dropped, "packet")}`
      : `the node has ${uplinks} uplinks, and answers may leave by another one`;
  return strict.map(({ name }) => ({
    name: NAME,
    verdict: isHarmful ? "warn" : "info",
    evidence: `strict on ${name}: ${isHarmful ? reason : "with one uplink pods' traffic passes"}`,
    remedy: isHarmful ? sysctlCommand(`net/ipv4/conf/${name}/rp_filter`, LOOSE) : undefined,
  }));
}
