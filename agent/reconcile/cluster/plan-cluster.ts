import type { Claim, ClusterMember } from "../../plan/peers/claim.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import {
  createPeerPlanner,
  type OverlayMode,
  type PeerPlan,
  type RouteTo,
} from "../../plan/peers/peer-routes.ts";
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
  /** The route to one: as planned last, the same object, for as long as nothing changes that decides. */
  planPeer(local: LocalNetwork, encryption: RouteEncryption | undefined): (claim: Claim) => PeerPlan;
}

export function createClusterPlanner(input: ClusterPlannerInput): ClusterPlanner {
  const { nodeName, overlay } = input;
  let last: PeersPlan["routes"] = new Map();
  const planPeerOf: ClusterPlanner["planPeer"] = (local, routeEncryption) => {
    const { addresses: ownAddresses, podCidrs, underlay } = local;
    const encryption = routeEncryption && {
      linkIndex: routeEncryption.linkIndex,
      fault: routeEncryption.fault,
      isRequired: routeEncryption.isRequired,
    };
    const ownGateways = gatewaysOf(podCidrs);
    const { routes } = underlay;
    const planPeer = createPeerPlanner({ overlay, ownAddresses, ownGateways, underlay, encryption });
    const routeTo: RouteTo = (address) => routes.get(address);
    return (claim) => planPeer(claim, routeTo, routeEncryption?.keyOf, (key) => last.get(key));
  };
  return {
    planPeer: planPeerOf,
    async plan(local, claims, encryption) {
      const { addresses: ownAddresses, podCidrs, underlay } = local;
      const planPeer = planPeerOf(local, encryption);
      const plans = new Map<Claim, PeerPlan>();
      await inSlices([...claims.values()], (claim) => plans.set(claim, planPeer(claim)));
      const planned = planPeers({
        claims,
        nodeName,
        ownCidrs: livePrefixes(local),
        ownAddresses,
        ownGateways: gatewaysOf(podCidrs),
        planPeer: (claim) => plans.get(claim) ?? planPeer(claim),
        whyClear: encryption && ((node) => describeWhy(encryption, node)),
        underlay,
        settings: input,
      });
      last = planned.routes;
      return planned;
    },
  };
}

/** Why this node reaches another in clear. */
function describeWhy({ keyOf, fault }: RouteEncryption, node: ClusterMember): string {
  const key = keyOf(node);
  return typeof key === "string" ? key : (fault ?? "this node has no WireGuard device yet");
}
