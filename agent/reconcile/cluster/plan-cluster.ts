import { rememberLast } from "../../lib/remember-last.ts";
import type { Claim } from "../../plan/peers/claim.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import { createPeerPlanner, type OverlayMode, type PeerPlan } from "../../plan/peers/peer-routes.ts";
import { type PeersPlan, planPeers, type VxlanSettings } from "../../plan/peers/peers.ts";
import { inSlices } from "../runner/in-slices.ts";
import { gatewaysOf, livePrefixes, type LocalNetwork } from "./local-network.ts";

export interface ClusterPlannerInput extends VxlanSettings {
  readonly nodeName: string;
  readonly overlay: OverlayMode;
}

export interface ClusterPlanner {
  /** The routes to all other nodes. */
  plan(local: LocalNetwork, claims: Claims["claims"]): Promise<PeersPlan>;
  /** The route to one: the same object for as long as nothing changes that decides. */
  planPeer(local: LocalNetwork): (claim: Claim) => PeerPlan;
}

export function createClusterPlanner(input: ClusterPlannerInput): ClusterPlanner {
  const { nodeName, overlay } = input;
  const plannerOnce = rememberLast(createPeerPlanner);
  const planPeerOf: ClusterPlanner["planPeer"] = ({ addresses: ownAddresses, podCidrs, underlay }) => {
    const ownGateways = gatewaysOf(podCidrs);
    const { routes } = underlay;
    const key = JSON.stringify([ownAddresses, ownGateways, [...underlay.addresses.keys()]]);
    const planPeer = plannerOnce([key], () => ({ overlay, ownAddresses, ownGateways, underlay }));
    return (claim) => planPeer(claim, (address) => routes.get(address));
  };
  return {
    planPeer: planPeerOf,
    async plan(local, claims) {
      const { addresses: ownAddresses, podCidrs, underlay } = local;
      const planPeer = planPeerOf(local);
      await inSlices([...claims.values()], planPeer);
      return planPeers({
        claims,
        nodeName,
        ownCidrs: livePrefixes(local),
        ownAddresses,
        ownGateways: gatewaysOf(podCidrs),
        planPeer,
        underlay,
        settings: input,
      });
    },
  };
}
