import { cidrContains, cidrOf, formatCidr } from "../net/cidr.ts";
import { macOf } from "../net/mac.ts";
import { describePod } from "../plan/pods/attachment.ts";
import type { Link } from "../netlink/link/parse-link.ts";
import type { Finding } from "./finding.ts";
import type { Gateway, PathObservation, PodEnd } from "./path-observation.ts";
import { allOf, shellWord, upCommand } from "./shell.ts";

/** The pod that sends. */
export function explainSource(observation: PathObservation): readonly Finding[] {
  const { source, pod, bridge, sourceRoute } = observation;
  if (pod !== undefined && bridge !== undefined) return [explainLink("pod", pod, bridge)];
  if (sourceRoute !== undefined)
    return [
      {
        name: "pod",
        verdict: "fail",
        evidence: `${source} is in ${formatCidr(sourceRoute.destination)}, which another node has (${sourceRoute.gateway ?? "?"}): run the same command there`,
      },
    ];
  return [
    {
      name: "pod",
      verdict: "fail",
      evidence: `${whoseIs(source, observation.gateways)}: no pod on this node has it`,
    },
  ];
}

/** Whether an address is of this node's PodCIDRs, in words. */
export function whoseIs(address: string, gateways: readonly Gateway[]): string {
  const own = gateways.map((gateway) => cidrOf(gateway.address, gateway.prefixLength));
  const cidr = own.find((candidate) => cidrContains(candidate, address));
  if (cidr !== undefined) return `${address} is in this node's PodCIDR ${formatCidr(cidr)}`;
  return `${address} is in none of this node's PodCIDRs (${own.map(formatCidr).join(", ") || "none"})`;
}

/** The link of a pod of this node. */
export function explainLink(
  name: string,
  { hostLink, containerId, ifname, pod }: PodEnd,
  bridge: Pick<Link, "index" | "name">,
): Finding {
  const link = shellWord(hostLink.name);
  const what = `${hostLink.name} of ${describePod({ pod, containerId })} (${ifname})`;
  const fail = (evidence: string, remedy?: string): Finding => ({ name, verdict: "fail", evidence, remedy });
  if (!hostLink.up) return fail(`link ${what} is down`, upCommand(hostLink.name));
  if (hostLink.masterIndex !== bridge.index)
    return fail(
      `link ${what} is not a port of the bridge`,
      allOf(`ip link set dev ${link} master ${shellWord(bridge.name)}`, portCommand(link)),
    );
  if (!hostLink.lowerUp)
    return fail(`the pod's end of link ${what} is down`, insidePod(hostLink.netnsId, upCommand(ifname)));
  return { name, verdict: "ok", evidence: `link ${what}, MTU ${hostLink.mtu}` };
}

/**
 * What the agent sets of every port, and a port that was away has lost: nothing is learned there or flooded.
 */
function portCommand(link: string): string {
  return `bridge link set dev ${link} hairpin on learning off flood off mcast_flood off bcast_flood off`;
}

/**
 * A process of the pod is found by the number that this namespace has for the pod's; undefined where it has
 * none.
 */
function insidePod(netnsId: number | undefined, command: string): string | undefined {
  if (netnsId === undefined) return undefined;
  const pid = `lsns --type net --noheadings --output PID,NETNSID | awk '$2 == "${netnsId}" {print $1; exit}'`;
  return `nsenter --net --target "$(${pid})" ${command}`;
}

/**
 * A bridge that was down has lost its neighbours with the routes: `before` are the commands that come first.
 */
function explainLostRoute(name: string, address: string, bridge: string, before: readonly string[]): Finding {
  const route = `ip route replace ${address} dev ${shellWord(bridge)} proto 98`;
  const evidence = `the host has no route to ${address} on ${bridge}`;
  return { name, verdict: "fail", evidence, remedy: allOf(...before, route) };
}

/**
 * How the host finds a pod: the route leads to the bridge, the neighbour tells the MAC, the forwarding entry
 * the port. `prefix`: begin of the hops' names.
 */
export function explainEntries(prefix: string, end: PodEnd, bridge: string): readonly Finding[] {
  const { address, hostLink, isRouted, neighbour, portMacs } = end;
  const mac = portMacs[0] ?? macOf(address);
  const entry = `ip neighbour replace ${address} lladdr ${neighbour?.mac ?? mac} dev ${shellWord(bridge)} nud permanent`;
  const isKnown = neighbour?.mac !== undefined && neighbour.permanent;
  if (!isRouted) return [explainLostRoute(`${prefix}route`, address, bridge, isKnown ? [] : [entry])];
  if (!isKnown)
    return [
      {
        name: `${prefix}neighbour`,
        verdict: "fail",
        evidence: `${bridge} has no permanent neighbour for ${address}, and nothing on it answers ARP or ND`,
        remedy: entry,
      },
    ];
  const isForwarded = portMacs.includes(neighbour.mac);
  if (!isForwarded && portMacs.length > 0)
    return [
      {
        name: `${prefix}neighbour`,
        verdict: "fail",
        evidence: `${bridge} has ${address} at ${neighbour.mac}, and the pod is at ${mac}`,
        remedy: `ip neighbour replace ${address} lladdr ${mac} dev ${shellWord(bridge)} nud permanent`,
      },
    ];
  const told: Finding = {
    name: `${prefix}neighbour`,
    verdict: "ok",
    evidence: `${address} is at ${neighbour.mac} on ${bridge}, permanent`,
  };
  if (!isForwarded)
    return [
      told,
      {
        name: `${prefix}forwarding entry`,
        verdict: "fail",
        evidence: `${bridge} has no forwarding entry for ${neighbour.mac}, and does not flood`,
        remedy: `bridge fdb replace ${neighbour.mac} dev ${shellWord(hostLink.name)} master static`,
      },
    ];
  return [
    told,
    {
      name: `${prefix}forwarding entry`,
      verdict: "ok",
      evidence: `${neighbour.mac} is behind ${hostLink.name}`,
    },
  ];
}
