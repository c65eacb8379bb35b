import { cidrContains, cidrOf, formatCidr } from "../../net/cidr.ts";
import type { Route } from "../../netlink/route/route.ts";
import { agentRemedy } from "../agent/check-agent.ts";
import type { Finding } from "../finding.ts";
import type { RouteLookup } from "../../netlink/route/route-lookup.ts";
import type { PathObservation, PeerKnowledge } from "../path-observation.ts";

const NAME = "route";

/** What a refusal of the kernel means to whoever asked for a route. */
const REASONS: Readonly<Record<string, string>> = {
  ENETUNREACH: "the node has no route to it",
  EHOSTUNREACH: "the link it arrives on does not forward, or a route marks it unreachable",
  EACCES: "a route prohibits it",
  EINVAL: "a route discards it, or the source address is not allowed on that link",
};

/** Why there is no way, in words. */
export function describeRefusal({ code, blockedBy }: Extract<RouteLookup, { kind: "refused" }>): string {
  return blockedBy === undefined
    ? `${REASONS[code] ?? "the kernel refuses"} (${code})`
    : `route ${blockedBy} blocks it`;
}

const KINDS: Readonly<Record<string, string>> = {
  pod: "this node's pods",
  direct: "direct to another node",
  overlay: "VXLAN to another node",
  encrypted: "WireGuard to another node",
  egress: "leaves the cluster",
  nowhere: "nowhere",
};

/** The node's decision where the packet goes. */
export function explainRoute(observation: PathObservation): Finding {
  const { destination, lookup, entry, peer, delivery } = observation;
  const lacksRoute = peer !== undefined && (delivery.kind === "egress" || delivery.kind === "nowhere");
  if (lookup.kind === "refused" && delivery.kind === "pod")
    return {
      name: NAME,
      verdict: "info",
      evidence: `none to ${destination}: only this node's pods have one`,
    };
  if (lookup.kind === "refused" && lookup.blockedBy !== undefined)
    return {
      name: NAME,
      verdict: "fail",
      evidence: `${destination}: ${describeRefusal(lookup)}`,
      remedy: `ip route delete ${lookup.blockedBy}`,
    };
  const isForeign = entry !== undefined && entry.destination.prefixLength > 0;
  if (delivery.kind === "egress" && isForeign && (lacksRoute || isOwn(observation)))
    return explainDetour(NAME, destination, entry);
  if (lacksRoute) return explainMissingRoute(observation, peer);
  if (lookup.kind === "refused")
    return { name: NAME, verdict: "fail", evidence: `${destination}: ${describeRefusal(lookup)}` };
  if (delivery.kind === "node")
    return { name: NAME, verdict: "ok", evidence: `${destination} is this node's own` };
  const size = lookup.mtu === undefined ? "" : `, path MTU ${lookup.mtu}`;
  return { name: NAME, verdict: "ok", evidence: `${describeEntry(entry)}${size} (${KINDS[delivery.kind]})` };
}

function isOwn({ destination, gateways }: PathObservation): boolean {
  return gateways.some(({ address, prefixLength }) =>
    cidrContains(cidrOf(address, prefixLength), destination),
  );
}

/** A route of somebody else that is more specific than Causeway's. */
export function explainDetour(name: string, address: string, entry: Route | undefined): Finding {
  const route = entry === undefined ? "a route" : `route ${describeEntry(entry)}`;
  return {
    name,
    verdict: "fail",
    evidence: `${address} belongs to a pod, but ${route}, which Causeway did not make, sends it elsewhere`,
    remedy: entry && `ip route delete ${formatCidr(entry.destination)}`,
  };
}

function explainMissingRoute(
  { destination, lookup, nodeName }: PathObservation,
  peer: PeerKnowledge,
): Finding {
  const { name, podCidr, isCertain, reason, remedy } = peer;
  const node = name === undefined ? "another node" : `node ${name}`;
  const fail = (fault: string, command?: string): Finding => ({
    name: NAME,
    verdict: "fail",
    evidence: `${destination} belongs to ${node} (${podCidr}), ${fault}`,
    remedy: command,
  });
  if (reason !== undefined) return fail(`which cannot be reached: ${reason}`);
  const command = remedy ?? agentRemedy(nodeName);
  if (!isCertain && lookup.kind === "route")
    return {
      name: NAME,
      verdict: "warn",
      evidence: `${destination} is in Causeway's set of cluster addresses but leaves the cluster: a node's route is missing, or it is in --non-masquerade-cidr`,
      remedy: command,
    };
  const instead = lookup.kind === "refused" ? describeRefusal(lookup) : "it leaves the cluster instead";
  return fail(`and the route to it is missing: ${instead}`, command);
}

function describeEntry(entry: PathObservation["entry"]): string {
  if (entry === undefined) return "an entry that could not be read";
  const { destination, gateway } = entry;
  const name = destination.prefixLength === 0 ? "default" : formatCidr(destination);
  return gateway === undefined ? name : `${name} via ${gateway}`;
}
