import type { Family } from "../../net/address.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { VXLAN_OVERHEAD } from "../../plan/peers/peers.ts";
import type { Finding } from "../finding.ts";
import { allOf, shellWord } from "../shell.ts";

type SizedLink = Pick<Link, "name" | "mtu">;

export interface MtuObservation {
  readonly bridge: SizedLink;
  readonly tunnels: readonly (SizedLink & { readonly underlay: Family })[];
  readonly uplinks: readonly SizedLink[];
  /** One for each node of the sample. */
  readonly probes: readonly ProbeResult[];
}

/** Which way a node is reached, and what must fit through it. */
export interface ProbeTarget {
  /** The node's address. */
  readonly address: string;
  readonly kind: "direct" | "overlay";
  /** Size of the largest packet that goes to the node, in bytes, the outer IP header included. */
  readonly size: number;
  /** Link through which it goes. */
  readonly uplink: string;
}

/** What became of two packets that must not be cut, a small one and one of the full size: the node answers both with "port unreachable". */
export interface ProbeResult extends ProbeTarget {
  readonly small: ProbeAnswer;
  readonly full: ProbeAnswer;
  /** Largest size that was answered, or that a router named, where the full one did not pass. */
  readonly passes: number | undefined;
}

export type ProbeAnswer = "answered" | "too big" | "no answer";

const NAME = "MTU";

/** The chain from pod to pod: bridge, VXLAN device, uplink, and the network between the nodes, which only probes can tell. */
export function checkMtu(observation: MtuObservation): readonly Finding[] {
  const faults = [...checkLinks(observation), ...checkPaths(observation)];
  if (faults.length > 0) return faults;
  const { bridge, tunnels, uplinks, probes } = observation;
  const links = [bridge, ...tunnels, ...uplinks].map(({ name, mtu }) => `${name} ${mtu}`).join(", ");
  const answered = probes.filter(({ full }) => full === "answered");
  const silent = probes.length - answered.length;
  const reached =
    answered.length === 0
      ? ""
      : `; packets of full size reach ${answered.map(({ address }) => address).join(", ")}`;
  const unknown = silent === 0 ? "" : `; ${silent} of ${probes.length} nodes answer no probe`;
  return [{ name: NAME, verdict: silent === 0 ? "ok" : "info", evidence: `${links}${reached}${unknown}` }];
}

function checkLinks({ bridge, tunnels, uplinks }: MtuObservation): Finding[] {
  const narrow = uplinks.toSorted((a, b) => a.mtu - b.mtu)[0];
  if (narrow === undefined) return [];
  const wide = tunnels.filter(({ mtu, underlay }) => mtu + VXLAN_OVERHEAD[underlay] > narrow.mtu);
  const findings: Finding[] = wide.map(({ name, mtu, underlay }) => ({
    name: NAME,
    verdict: "fail",
    evidence: `VXLAN device ${name} takes packets of ${mtu} bytes, which with ${VXLAN_OVERHEAD[underlay]} around them do not fit ${narrow.name} (${narrow.mtu})`,
    remedy: setMtu(name, narrow.mtu - VXLAN_OVERHEAD[underlay]),
  }));
  const limit = Math.min(
    narrow.mtu,
    ...tunnels.map(({ mtu, underlay }) => innerLimit(mtu, underlay, narrow.mtu)),
  );
  if (bridge.mtu > limit)
    findings.push({
      name: NAME,
      verdict: "warn",
      evidence: `bridge ${bridge.name} takes packets of ${bridge.mtu} bytes, and the way on takes ${limit}: pods are told so packet by packet, by ICMP that filters may drop`,
      remedy: setMtu(bridge.name, limit),
    });
  return findings;
}

function innerLimit(mtu: number, underlay: Family, uplinkMtu: number): number {
  return Math.min(mtu, uplinkMtu - VXLAN_OVERHEAD[underlay]);
}

function setMtu(link: string, mtu: number): string {
  return `ip link set dev ${shellWord(link)} mtu ${mtu}`;
}

/**
 * Where nodes' links are wider than what is between them: hosts do not pass on what they learn of it to pods. With the uplink at the size of the
 * network behind it, a running agent makes all else follow.
 */
function checkPaths(observation: MtuObservation): Finding[] {
  const failed = observation.probes.filter(
    ({ small, full }) => full === "too big" || (full === "no answer" && small === "answered"),
  );
  return [...Map.groupBy(failed, ({ uplink }) => uplink)].map(([uplink, probes]) => {
    const nodes = probes.map(({ address, size, kind }) => `${address} (${kind}, ${size} bytes)`).join(", ");
    const vanish = probes.some(({ full }) => full === "no answer");
    const how = vanish
      ? "large packets vanish on the way, small ones arrive"
      : "a router says that large packets are too big";
    const limits = probes.flatMap(({ passes }) => passes ?? []);
    const passes = limits.length === 0 ? undefined : Math.min(...limits);
    return {
      name: NAME,
      verdict: vanish ? "fail" : "warn",
      evidence: `${uplink} to ${nodes}: ${how}${passes === undefined ? "" : `; ${passes} bytes pass`}`,
      remedy: passes === undefined ? undefined : fitAll(observation, uplink, passes),
    };
  });
}

function fitAll({ bridge, tunnels }: MtuObservation, uplink: string, passes: number): string {
  const inner = tunnels.map(({ name, mtu, underlay }) =>
    setMtu(name, Math.min(mtu, passes - VXLAN_OVERHEAD[underlay])),
  );
  const pods = passes - Math.max(0, ...tunnels.map(({ underlay }) => VXLAN_OVERHEAD[underlay]));
  return allOf(setMtu(uplink, passes), ...inner, setMtu(bridge.name, Math.min(bridge.mtu, pods)));
}
