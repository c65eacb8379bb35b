import { agentRemedy } from "../agent/check-agent.ts";
import { explainSourceCheck } from "../checks/check-sources.ts";
import { explainEntries, explainLink, whoseIs } from "../explain-pod.ts";
import { explainEncrypted } from "../encryption/explain-encrypted.ts";
import { describeRefusal } from "./explain-route.ts";
import type { Finding } from "../finding.ts";
import type { NextHop, OverlayObservation, PathObservation } from "../path-observation.ts";
import { explainOverlayGuard } from "../checks/check-overlay-guard.ts";
import { addressBehind, forwardingCommand, neighbourCommand } from "../overlay-remedies.ts";
import { shellWord, upCommand } from "../shell.ts";

/** What comes after the route, to where this node can see. */
export function explainDelivery(observation: PathObservation): readonly Finding[] {
  const { delivery, bridge, destination, gateways, source } = observation;
  switch (delivery.kind) {
    case "nowhere":
      return [];
    case "node":
      return [{ name: "node", verdict: "ok", evidence: "delivered to the node itself" }];
    case "pod":
      if (delivery.end === undefined)
        return [
          {
            name: "target pod",
            verdict: "fail",
            evidence: `${whoseIs(destination, gateways)}, but no pod on this node has it: deleted, or never assigned`,
          },
        ];
      if (bridge === undefined) return [];
      return [
        ...explainEntries("target ", delivery.end, bridge.name),
        explainLink("target pod", delivery.end, bridge),
        explainSourceCheck("target source check", delivery.end, observation),
      ];
    case "direct":
      return [...explainHop("", delivery.hop), nextNode(delivery.hop.address, destination, source)];
    case "overlay":
      return explainOverlay(observation, delivery.overlay);
    case "encrypted": {
      const { peer } = delivery.encrypted;
      const findings = explainEncrypted(delivery.encrypted, observation);
      const remote = peer?.endpoint?.address;
      return remote === undefined ? findings : [...findings, nextNode(remote, destination, source)];
    }
    case "egress":
      return [explainMasquerade(observation, delivery.masquerade), ...explainHop("", delivery.hop)];
  }
}

function nextNode(address: string, destination: string, source: string): Finding {
  return {
    name: "next node",
    verdict: "info",
    evidence: `node ${address} handles the rest of the path; continue there: causeway trace ${destination} ${source}`,
  };
}

/** A link of the node, and the next host on it. */
function explainHop(prefix: string, { address, link, state }: NextHop): readonly Finding[] {
  if (link === undefined) return [];
  const name = `${prefix}uplink`;
  if (!link.up)
    return [
      {
        name,
        verdict: "fail",
        evidence: `${link.name} is down`,
        remedy: upCommand(link.name),
      },
    ];
  if (!link.lowerUp)
    return [
      {
        name,
        verdict: "fail",
        evidence: `${link.name} has no carrier: check the cable and the device at its other end`,
      },
    ];
  const uplink: Finding = { name, verdict: "ok", evidence: `${link.name}, MTU ${link.mtu}` };
  if (state === "unresolved")
    return [
      uplink,
      {
        name: `${prefix}next hop`,
        verdict: "fail",
        evidence: `${address} does not answer on ${link.name}: it is down, or not on this segment; once it is back, this retries at once:`,
        remedy: `ip neighbour flush to ${address} dev ${shellWord(link.name)}`,
      },
    ];
  const known = state === "resolved" ? "its MAC is known" : "its MAC has not been resolved yet";
  return [uplink, { name: `${prefix}next hop`, verdict: "ok", evidence: `${address}: ${known}` }];
}

function explainOverlay(observation: PathObservation, overlay: OverlayObservation): readonly Finding[] {
  const { destination, source, nodeName } = observation;
  const { tunnel, gateway, mac, remote, orphans, outer, hop } = overlay;
  const fail = (name: string, evidence: string, remedy?: string): Finding => ({
    name,
    verdict: "fail",
    evidence,
    remedy,
  });
  if (!tunnel.up) return [fail("VXLAN device", `${tunnel.name} is down`, upCommand(tunnel.name))];
  const findings: Finding[] = [
    {
      name: "VXLAN device",
      verdict: "ok",
      evidence: `${tunnel.name}, VNI ${tunnel.vxlan?.vni}, MTU ${tunnel.mtu}`,
    },
  ];
  if (mac === undefined) {
    const known = orphans.length === 1 ? orphans[0] : undefined;
    const remedy = known && gateway && neighbourCommand(tunnel.name, gateway, known);
    const evidence = `${tunnel.name} has no neighbour ${gateway ?? "for the route"}, and nothing on it answers ARP or ND`;
    return [...findings, fail("neighbour", evidence, remedy ?? agentRemedy(nodeName))];
  }
  findings.push({ name: "neighbour", verdict: "ok", evidence: `${gateway ?? "its gateway"} is at ${mac}` });
  if (remote === undefined) {
    const address = addressBehind(mac);
    const remedy = address && forwardingCommand(tunnel.name, mac, address);
    const evidence = `${tunnel.name} has no forwarding entry for ${mac}`;
    return [...findings, fail("forwarding entry", evidence, remedy ?? agentRemedy(nodeName))];
  }
  findings.push({ name: "forwarding entry", verdict: "ok", evidence: `${mac} is behind node ${remote}` });
  if (outer?.kind === "refused")
    return [
      ...findings,
      fail(
        "outer route",
        `${remote}: ${describeRefusal(outer)}`,
        outer.blockedBy && `ip route delete ${outer.blockedBy}`,
      ),
    ];
  findings.push({ name: "outer route", verdict: "ok", evidence: describeOuter(remote, outer) });
  return [
    ...findings,
    ...(hop === undefined ? [] : explainHop("outer ", hop)),
    ...explainOverlayGuard(remote, overlay),
    nextNode(remote, destination, source),
  ];
}

function describeOuter(remote: string, outer: OverlayObservation["outer"]): string {
  const gateway = outer?.kind === "route" ? outer.gateway : undefined;
  return gateway === undefined ? `${remote} is on the link` : `${remote} via ${gateway}`;
}

function explainMasquerade(
  { source, destination, nodeName }: PathObservation,
  masquerade: Extract<PathObservation["delivery"], { kind: "egress" }>["masquerade"],
): Finding {
  const name = "masquerade";
  switch (masquerade.kind) {
    case "masqueraded":
      return { name, verdict: "ok", evidence: `yes: ${destination} sees the node's address` };
    case "inside":
      return {
        name,
        verdict: "info",
        evidence: `no: ${destination} is in the set of destinations that see ${source} unchanged`,
      };
    case "off":
      return {
        name,
        verdict: "info",
        evidence: `no, as configured: ${destination} sees ${source} unchanged`,
      };
    case "broken":
      return {
        name,
        verdict: "fail",
        evidence: `${masquerade.reason}: ${destination} would see ${source}, and has no route back to it`,
        remedy: agentRemedy(nodeName),
      };
    case "unknown":
      return { name, verdict: "info", evidence: `unknown: ${masquerade.reason}` };
  }
}
