import { planPodNetwork } from "../../plan/pods/pod-network.ts";
import { createPodEncoder } from "./pod-batches.ts";
import type { PodRequestsInput } from "./pod-requests.ts";

/** With more it does not become faster, without V8's optimizing compilers (v8-flags.ts); takes some 8 ms. */
const ROUNDS = 30;

/**
 * Plans and encodes made-up pods, so that the first pods after a start do not pay for what is loaded and
 * compiled when it first runs: without it the messages of the first one take some 5 ms, and those of the next
 * ones half as long again as later.
 */
export function warmUp(): void {
  const encodePod = createPodEncoder();
  for (let round = 0; round < ROUNDS; round++) encodePod(madeUpPod(round));
}

/** A dual-stack pod that is nobody's. `round`: from 0 to 65,535, tells them apart. */
export function madeUpPod(round: number): PodRequestsInput {
  const plan = planPodNetwork({
    network: "causeway",
    containerId: round.toString(16).padStart(64, "0"),
    ifname: "eth0",
    mtu: 1500,
    pod: {
      namespace: "causeway",
      name: `warm-up-${round}`,
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
