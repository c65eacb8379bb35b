import { createIpam } from "../ipam/ipam.ts";
import type { ObservedNode } from "../kernel/observe-node.ts";
import { parseCidr } from "../net/cidr.ts";
import type { NodeReport } from "./node-report.ts";
import { reportAttachments } from "./reporter.ts";

/** The report of a node whose agent does not answer: what the kernel alone tells. */
export function reportKernel(observed: ObservedNode, atMs: number): NodeReport {
  const { bridge, podCIDRs, pods, peers, peerCounts } = observed;
  return {
    format: 1,
    atMs,
    node: { podCIDRs, bridge: bridge?.name, mtu: bridge?.mtu },
    pools: countAddresses(podCIDRs, pods),
    attachments: reportAttachments(pods, atMs),
    peers: { counts: peerCounts, list: peers, problems: [] },
    calls: [],
    repairs: [],
    problems: [],
    rivals: [],
  };
}

/** Addresses as an agent that starts now would count them; which ones rest after a DEL only a running one knows. */
function countAddresses(podCIDRs: readonly string[], pods: ObservedNode["pods"]): NodeReport["pools"] {
  const ipam = createIpam();
  ipam.setPodCidrs(podCIDRs.flatMap((cidr) => parseCidr(cidr) ?? []));
  for (const { addresses } of pods) ipam.claim(addresses);
  return ipam.use(0);
}
