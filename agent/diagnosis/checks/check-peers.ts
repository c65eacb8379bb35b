import { agentRemedy } from "../agent/check-agent.ts";
import type { Finding } from "../finding.ts";
import { addressBehind, forwardingCommand } from "../overlay-remedies.ts";
import { limitFindings } from "../limit-findings.ts";

/** A route to another node through a VXLAN device, and what the device knows of its gateway. */
export interface OverlayRoute {
  readonly podCidr: string;
  readonly device: string;
  readonly gateway: string;
  readonly mac: string | undefined;
  /** Address of the node. */
  readonly remote: string | undefined;
}

export interface PeersObservation {
  readonly nodeName: string;
  /** Routes that need no VXLAN. */
  readonly direct: number;
  /** Routes through the WireGuard device. */
  readonly encrypted?: number;
  readonly overlays: readonly OverlayRoute[];
  /** Nodes to which there is no way, and why; undefined: only the agent could tell, and does not answer. */
  readonly unreachable: readonly { readonly node: string; readonly reason: string }[] | undefined;
}

const NAME = "other nodes";

/** Whether every route to another node has all that carries its packets, and every node has a route. */
export function checkPeers(observation: PeersObservation): readonly Finding[] {
  const { direct, encrypted = 0, overlays, unreachable, nodeName } = observation;
  const faults: Finding[] = [
    ...overlays.flatMap((route) => checkOverlay(route, nodeName)),
    ...(unreachable ?? []).map(({ node, reason }): Finding => {
      return { name: NAME, verdict: "warn", evidence: `node ${node} cannot be reached: ${reason}` };
    }),
  ];
  if (faults.length > 0) return limitFindings(NAME, faults);
  const routes = `${direct} PodCIDRs routed directly, ${overlays.length} through VXLAN${encrypted === 0 ? "" : `, ${encrypted} through WireGuard`}`;
  if (unreachable === undefined)
    return [
      {
        name: NAME,
        verdict: "info",
        evidence: `${routes}; only the agent knows which nodes are unreachable`,
      },
    ];
  return [{ name: NAME, verdict: "ok", evidence: routes }];
}

function checkOverlay({ podCidr, device, gateway, mac, remote }: OverlayRoute, nodeName: string): Finding[] {
  if (mac === undefined)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `${podCidr}: ${device} has no neighbour ${gateway}`,
        remedy: agentRemedy(nodeName),
      },
    ];
  if (remote !== undefined) return [];
  const address = addressBehind(mac);
  return [
    {
      name: NAME,
      verdict: "fail",
      evidence: `${podCidr}: ${device} has no forwarding entry for ${mac}`,
      remedy: address === undefined ? agentRemedy(nodeName) : forwardingCommand(device, mac, address),
    },
  ];
}
