import { rememberLast } from "../../lib/remember-last.ts";
import type { Claim, ClusterMember } from "../../plan/peers/claim.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import { createPeerPlanner, type OverlayMode, type PeerPlan } from "../../plan/peers/peer-routes.ts";
import { type PeersPlan, planPeers, type VxlanSettings } from "../../plan/peers/peers.ts";
import { inSlices } from "../runner/in-slices.ts";
import type { RouteEncryption } from "./cluster-encryption.ts";
import { gatewaysOf, livePrefixes, type LocalNetwork } from "./local-network.ts";

export interface ClusterPlannerInput extends VxlanSettings {
  readonly nodeName: string;
  readonly overlay: OverlayMode;
}

export interface ClusterPlanner {
  /** The routes to all other nodes. */
  plan(
    local: LocalNetwork,
    claims: Claims["claims"],
    encryption: RouteEncryption | undefined,
  ): Promise<PeersPlan>;
  /** The route to one: the same object for as long as nothing changes that decides. */
  planPeer(local: LocalNetwork, encryption: RouteEncryption | undefined): (claim: Claim) => PeerPlan;
}

export function createClusterPlanner(input: ClusterPlannerInput): ClusterPlanner {
  const { nodeName, overlay } = input;
  const plannerOnce = rememberLast(createPeerPlanner);
  const planPeerOf: ClusterPlanner["planPeer"] = (local, routeEncryption) => {
    const { addresses: ownAddresses, podCidrs, underlay } = local;
    const encryption = routeEncryption && {
      linkIndex: routeEncryption.linkIndex,
      fault: routeEncryption.fault,
      isRequired: routeEncryption.isRequired,
    };
    const ownGateways = gatewaysOf(podCidrs);
    const { routes } = underlay;
    const key = JSON.stringify([ownAddresses, ownGateways, [...underlay.addresses.keys()], encryption]);
    const planPeer = plannerOnce([key], () => ({
      overlay,
      ownAddresses,
      ownGateways,
      underlay,
      encryption,
    }));
    return (claim) => planPeer(claim, (address) => routes.get(address), routeEncryption?.keyOf);
  };
  return {
    planPeer: planPeerOf,
    async plan(local, claims, encryption) {
      const { addresses: ownAddresses, podCidrs, underlay } = local;
      const planPeer = planPeerOf(local, encryption);
      await inSlices([...claims.values()], planPeer);
      return planPeers({
        claims,
        nodeName,
        ownCidrs: livePrefixes(local),
        ownAddresses,
        ownGateways: gatewaysOf(podCidrs),
        planPeer,
        whyClear: encryption && ((node) => describeWhy(encryption, node)),
        underlay,
        settings: input,
      });
    },
  };
}

/** Why this node reaches another in clear. */
function describeWhy({ keyOf, fault }: RouteEncryption, node: ClusterMember): string {
  const key = keyOf(node);
  return typeof key === "string" ? key : (fault ?? "this node has no WireGuard device yet");
}
