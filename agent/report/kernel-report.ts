import { createIpam } from "../ipam/ipam.ts";
import type { ObservedNode } from "../kernel/read/observe-node.ts";
import { type Cidr, formatCidr } from "../net/cidr.ts";
import type { NodeReport } from "./node-report.ts";
import { reportAttachments } from "./reporter.ts";

/** The report of a node whose agent does not answer: what the kernel alone tells. */
export function reportKernel(observed: ObservedNode, atMs: number): NodeReport {
  const { bridge, podCidrs, pods, peers, peerCounts } = observed;
  return {
    format: 1,
    atMs,
    node: { podCIDRs: podCidrs.map(formatCidr), bridge: bridge?.name, mtu: bridge?.mtu },
    pools: countAddresses(podCidrs, pods),
    attachments: reportAttachments(pods, atMs),
    peers: { counts: peerCounts, list: peers, problems: [] },
    calls: [],
    repairs: [],
    problems: [],
    rivals: [],
  };
}

/**
 * Addresses as an agent that starts now would count them; which ones rest after a DEL only a running one
 * knows.
 */
function countAddresses(podCidrs: readonly Cidr[], pods: ObservedNode["pods"]): NodeReport["pools"] {
  const ipam = createIpam();
  ipam.setPodCidrs(podCidrs);
  for (const { addresses } of pods) ipam.claim(addresses);
  return ipam.use(0);
}
