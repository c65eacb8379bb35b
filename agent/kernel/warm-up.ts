import { planPodNetwork } from "../plan/pod-network.ts";
import { createPodEncoder } from "./pod-batches.ts";

/** Enough for V8 to compile what an ADD runs; takes some 30 ms. */
const ROUNDS = 300;

/**
 * Plans and encodes made-up pods, so that the first pods after a start do not pay for the compiler: without it the messages of one of the
 * first hundred take three times as long as later.
 */
export function warmUp(): void {
  const encodePod = createPodEncoder();
  for (let round = 0; round < ROUNDS; round++) {
    const low = `${round >> 8}.${round & 0xff}`;
    const plan = planPodNetwork({
      network: "warm-up",
      containerId: `warm-up-${round}`,
      ifname: "eth0",
      mtu: 1500,
      addresses: [
        { family: 4, address: `192.0.${low}`, gateway: "192.0.2.1" },
        { family: 6, address: `2001:db8::${round.toString(16)}`, gateway: "2001:db8::1" },
      ],
    });
    encodePod({
      plan,
      linkIndex: 2 * round + 2,
      podLinkIndex: 2 * round + 3,
      ifbIndex: 0,
      bridgeIndex: 1,
      netns: 0,
      hasIpv6: true,
    });
  }
}
