import type { Family } from "../../net/address.ts";
import { VXLAN_OVERHEAD } from "../../plan/peers/peers.ts";
import { minMtu } from "../../plan/node/node-network.ts";
import type { Finding } from "../finding.ts";

export interface UplinkMtuObservation {
  readonly uplinks: readonly { readonly name: string; readonly mtu: number }[];
  /** Of the node's PodCIDRs; none: they are unknown, and IPv4 is assumed. */
  readonly families: readonly Family[];
  /** Whether packets of the overlay may have an IPv6 header outside. */
  readonly hasIpv6: boolean;
}

const NAME = "MTU";

/** Whether what pods need fits the node's links with the overlay's headers around it. */
export function checkUplinkMtu({ uplinks, families, hasIpv6 }: UplinkMtuObservation): readonly Finding[] {
  if (uplinks.length === 0)
    return [{ name: NAME, verdict: "fail", evidence: "no link of this node has a route out of it" }];
  const overhead = VXLAN_OVERHEAD[hasIpv6 ? 6 : 4];
  const least = minMtu(families);
  const shown = uplinks.map(({ name, mtu }) => `${name} ${mtu}`).join(", ");
  const smallest = Math.min(...uplinks.map(({ mtu }) => mtu));
  const evidence = `${shown}: pods get ${Math.max(least, smallest - overhead)}, and ${smallest} where overlay is never`;
  if (smallest - overhead >= least) return [{ name: NAME, verdict: "ok", evidence }];
  const warning = `${evidence}; VXLAN packets of ${least + overhead} bytes do not fit, and the node fragments them`;
  return [{ name: NAME, verdict: "warn", evidence: warning }];
}
