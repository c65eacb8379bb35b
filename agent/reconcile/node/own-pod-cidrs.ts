import type { Attachments } from "../../ipam/attachments.ts";
import type { Ipam } from "../../ipam/ipam.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { Readiness } from "../../lib/readiness.ts";
import type { Log } from "../../log/log.ts";
import { type Cidr, cidrOf, formatCidr } from "../../net/cidr.ts";

/** This node as Kubernetes or the nodes file describes it. */
export interface OwnNode {
  readonly addresses: readonly string[];
  readonly podCidrs: readonly Cidr[];
  /** Why there are no PodCIDRs, where there are none. */
  readonly reason: string | undefined;
}

export interface OwnPodCidrsInput {
  readonly kernel: Pick<Kernel, "listGateways">;
  readonly ipam: Ipam;
  readonly attachments: Attachments;
  readonly readiness: Pick<Readiness, "set">;
  readonly log: Log;
  readonly bridge: string;
}

/** The PodCIDRs that new pods get addresses from. */
export interface OwnPodCidrs {
  current(): readonly Cidr[];
  /** Takes those that the bridge tells, good until somebody tells others. */
  recover(): Promise<void>;
  /** Takes those that the node is told to have, unless there is a reason to refuse them. */
  learn(node: OwnNode, refusal: string | undefined): void;
}

export function createOwnPodCidrs(input: OwnPodCidrsInput): OwnPodCidrs {
  const { kernel, ipam, attachments, readiness, log, bridge } = input;
  let current: readonly Cidr[] = [];
  const take = (assigned: readonly Cidr[]): void => {
    const before = current.map(formatCidr).join(", ");
    const after = assigned.map(formatCidr).join(", ");
    if (before !== after) log.info({ before, after }, "PodCIDRs of this node");
    current = assigned;
    ipam.setPodCidrs(assigned);
    // Pods may be older than the pool: somebody deleted the bridge while the agent was away, so that it
    // recovered them without PodCIDR.
    for (const { addresses } of attachments.list()) ipam.claim(addresses);
  };
  return {
    current: () => current,
    async recover() {
      const gateways = (await kernel.listGateways(bridge)).map(({ address, prefixLength, deprecated }) => {
        return { cidr: cidrOf(address, prefixLength), isFormer: deprecated };
      });
      current = gateways.filter(({ isFormer }) => !isFormer).map(({ cidr }) => cidr);
      ipam.setPodCidrs(current);
      for (const { cidr, isFormer } of gateways) if (isFormer) ipam.addFormerCidr(cidr);
    },
    learn({ podCidrs, reason }, refusal) {
      // What is refused leaves the node with what it has: pods that run keep their network, and a node that
      // has nothing waits.
      if (podCidrs.length > 0 && refusal === undefined) take(podCidrs);
      const missing = current.length === 0 ? (reason ?? "the node has no PodCIDR") : undefined;
      readiness.set("pod CIDRs", refusal ?? missing);
    },
  };
}
