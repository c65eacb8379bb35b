import { type Cidr, cidrContains, formatCidr } from "../../net/cidr.ts";
import type { Finding } from "../finding.ts";

/** An address of a link that is not Causeway's. */
export interface LinkPrefix {
  readonly link: string;
  readonly address: string;
  readonly cidr: Cidr;
}

export type PodCidrsObservation =
  | { readonly kind: "not asked"; readonly reason: string }
  | {
      readonly kind: "known";
      readonly nodeName: string;
      readonly podCIDRs: readonly Cidr[];
      readonly prefixes: readonly LinkPrefix[];
    };

const NAME = "PodCIDRs";

/**
 * Whether the Node has prefixes for pods, and whether the agent would refuse one because a link of the node
 * lives in it.
 */
export function checkPodCidrs(observation: PodCidrsObservation): readonly Finding[] {
  if (observation.kind === "not asked")
    return [{ name: NAME, verdict: "info", evidence: `unknown: ${observation.reason}` }];
  const { nodeName, podCIDRs, prefixes } = observation;
  if (podCIDRs.length === 0)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `node ${nodeName} has none: run kube-controller-manager with --allocate-node-cidrs and --cluster-cidr`,
      },
    ];
  const meeting = podCIDRs.flatMap((podCIDR) =>
    prefixes.filter(({ cidr }) => doMeet(podCIDR, cidr)).map((prefix) => ({ podCIDR, prefix })),
  );
  if (meeting.length > 0)
    return meeting.map(({ podCIDR, prefix: { link, address, cidr } }) => ({
      name: NAME,
      verdict: "warn",
      evidence: `link ${link} has ${address}/${cidr.prefixLength}, which meets PodCIDR ${formatCidr(podCIDR)}: while it exists, the agent refuses the PodCIDR; a drained node that reboots no longer has another plugin's links`,
    }));
  return [
    { name: NAME, verdict: "ok", evidence: `node ${nodeName} has ${podCIDRs.map(formatCidr).join(", ")}` },
  ];
}

function doMeet(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b.base) || cidrContains(b, a.base);
}
