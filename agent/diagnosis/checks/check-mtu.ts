import type { Family } from "../../net/address.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { minMtu } from "../../plan/node/node-network.ts";
import { VXLAN_OVERHEAD } from "../../plan/peers/peers.ts";
import type { Finding } from "../finding.ts";
import { allOf, shellWord } from "../shell.ts";

type SizedLink = Pick<Link, "name" | "mtu">;

export interface MtuObservation {
  readonly bridge: SizedLink;
  readonly tunnels: readonly (SizedLink & { readonly underlay: Family })[];
  /** Those that may carry packets between nodes. */
  readonly uplinks: readonly SizedLink[];
  /** Of the node's PodCIDRs. */
  readonly families: readonly Family[];
  /** MTU of pods that the running agent was told; 0 or undefined: none. */
  readonly configured?: number | undefined;
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

/**
 * What became of two packets that must not be cut, a small one and one of the full size: the node answers
 * both with "port unreachable".
 */
export interface ProbeResult extends ProbeTarget {
  readonly small: ProbeAnswer;
  readonly full: ProbeAnswer;
  /** Largest size that was answered, or that a router named, where the full one did not pass. */
  readonly passes: number | undefined;
}

export type ProbeAnswer = "answered" | "too big" | "no answer";

const NAME = "MTU";

/**
 * The chain from pod to pod: bridge, VXLAN device, uplink, and the network between the nodes, which only
 * probes can tell.
 */
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
      : `; full-size packets reach ${answered.map(({ address }) => address).join(", ")}`;
  const unknown = silent === 0 ? "" : `; ${silent} of ${probes.length} nodes answer no probe`;
  return [{ name: NAME, verdict: silent === 0 ? "ok" : "info", evidence: `${links}${reached}${unknown}` }];
}

function checkLinks(observation: MtuObservation): Finding[] {
  const { bridge, tunnels, uplinks, families, configured = 0 } = observation;
  const narrow = uplinks.toSorted((a, b) => a.mtu - b.mtu)[0];
  if (narrow === undefined) return [];
  const least = minMtu(families);
  const fitting = (underlay: Family): number => Math.max(least, narrow.mtu - VXLAN_OVERHEAD[underlay]);
  const wide = tunnels.filter(({ mtu, underlay }) => mtu > fitting(underlay));
  const findings: Finding[] = wide.map(({ name, mtu, underlay }) => ({
    name: NAME,
    verdict: "fail",
    evidence: `VXLAN device ${name} has MTU ${mtu}, which with ${VXLAN_OVERHEAD[underlay]} bytes of headers exceeds that of ${narrow.name} (${narrow.mtu})`,
    remedy: setMtu(name, fitting(underlay)),
  }));
  const outer = Math.max(0, ...tunnels.map(({ underlay }) => least + VXLAN_OVERHEAD[underlay]));
  if (outer > narrow.mtu)
    findings.push({
      name: NAME,
      verdict: "warn",
      evidence: `pods need ${least} bytes for IPv6, so packets of the overlay (${outer} bytes) are fragmented on ${narrow.name} (MTU ${narrow.mtu}), which is slow; where the network behind it carries more, raise the MTU`,
      remedy: setMtu(narrow.name, outer),
    });
  const limit = Math.min(narrow.mtu, ...tunnels.map(({ mtu, underlay }) => Math.min(mtu, fitting(underlay))));
  if (bridge.mtu <= limit) return findings;
  const evidence = `bridge ${bridge.name} has MTU ${bridge.mtu}, but the path beyond it carries only ${limit}: pods learn that from ICMP errors, which filters may drop`;
  // A running agent keeps to what it was told.
  if (bridge.mtu === configured)
    findings.push({
      name: NAME,
      verdict: "warn",
      evidence: `${evidence}; set the agent's mtu to 0, or at most ${limit}`,
    });
  else findings.push({ name: NAME, verdict: "warn", evidence, remedy: setMtu(bridge.name, limit) });
  return findings;
}

function setMtu(link: string, mtu: number): string {
  return `ip link set dev ${shellWord(link)} mtu ${mtu}`;
}

/**
 * Where nodes' links are wider than what is between them: hosts do not pass on what they learn of it to pods.
 * With the uplink at the size of the network behind it, a running agent makes all else follow.
 */
function checkPaths(observation: MtuObservation): Finding[] {
  const failed = observation.probes.filter(
    ({ small, full }) => full === "too big" || (full === "no answer" && small === "answered"),
  );
  return [...Map.groupBy(failed, ({ uplink }) => uplink)].map(([uplink, probes]) => {
    const link = observation.uplinks.find(({ name }) => name === uplink);
    const nodes = probes.map(({ address, size, kind }) => `${address} (${kind}, ${size} bytes)`).join(", ");
    const vanish = probes.some(({ full }) => full === "no answer");
    const how = vanish
      ? "large packets are lost, small ones arrive"
      : "a router reports large packets as too big";
    const limits = probes.flatMap(({ passes }) => passes ?? []);
    const passes = limits.length === 0 ? undefined : Math.min(...limits);
    const fit = link && passes !== undefined ? fitAll(observation, link, passes) : undefined;
    return {
      name: NAME,
      verdict: vanish ? "fail" : "warn",
      evidence: [
        `${uplink} to ${nodes}: ${how}`,
        ...(passes === undefined ? [] : [`${passes} bytes pass`]),
        ...(fit?.obstacle === undefined ? [] : [fit.obstacle]),
      ].join("; "),
      remedy: fit?.remedy,
    };
  });
}

type Fit =
  | { readonly remedy: string; readonly obstacle?: never }
  | { readonly obstacle: string; readonly remedy?: never };

/** Everything as an agent has it that follows the uplink, which no running agent undoes. */
function fitAll(
  { bridge, tunnels, families, configured = 0 }: MtuObservation,
  uplink: SizedLink,
  passes: number,
): Fit {
  const overhead = Math.max(0, ...tunnels.map(({ underlay }) => VXLAN_OVERHEAD[underlay]));
  const most = passes - overhead;
  const least = minMtu(families);
  if (most < least) return { obstacle: `pods need ${least + overhead} for IPv6` };
  if (configured > most) return { obstacle: `set the agent's mtu to 0, or at most ${most}` };
  // More room than the overlay needs is for an outer IPv6 header.
  const room = configured > 0 ? overhead : Math.max(overhead, uplink.mtu - bridge.mtu);
  const inner = tunnels.map(({ name, mtu, underlay }) =>
    setMtu(name, Math.min(mtu, passes - VXLAN_OVERHEAD[underlay])),
  );
  const pods = Math.max(least, Math.min(bridge.mtu, passes - room));
  return { remedy: allOf(setMtu(uplink.name, passes), ...inner, setMtu(bridge.name, pods)) };
}
