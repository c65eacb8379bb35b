import type { PodRequestsInput } from "../../kernel/pod/pod-requests.ts";
import { planPodNetwork } from "../../plan/pods/pod-network.ts";

/** A dual-stack pod that is nobody's. `round`: from 0 to 65,535, tells them apart. */
export function madeUpPod(round: number): PodRequestsInput {
  const plan = planPodNetwork({
    network: "causeway",
    containerId: round.toString(16).padStart(64, "0"),
    ifname: "eth0",
    mtu: 1500,
    pod: {
      namespace: "causeway",
      name: `made-up-${round}`,
      uid: `00000000-0000-4000-8000-${round.toString(16).padStart(12, "0")}`,
    },
    addresses: [
      { family: 4, address: `198.18.${round >> 8}.${round & 0xff}`, gateway: "198.18.0.1" },
      { family: 6, address: `2001:db8::${(round + 2).toString(16)}`, gateway: "2001:db8::1" },
    ],
  });
  return {
    plan,
    linkIndex: 2 * round + 2,
    podLinkIndex: 2 * round + 3,
    ifbIndex: 0,
    bridgeIndex: 1,
    netns: 0,
    hasIpv6: true,
    bornMs: round,
  };
}
