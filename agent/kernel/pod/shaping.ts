import { LINK_GROUP } from "../../net/host-link.ts";
import { createPlainLink } from "../../netlink/link/plain-link.ts";
import { deleteLink, setLink } from "../../netlink/link/link.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { IN6_ADDR_GEN_MODE_NONE, TC_H_INGRESS, TC_H_ROOT } from "../../netlink/constants.ts";
import {
  addIngress,
  deleteIngress,
  dumpQdiscs,
  parseQdisc,
  type Qdisc,
  replaceTokenBucket,
} from "../../netlink/route/qdisc.ts";
import { addRedirect, dumpIngressFilters, parseRedirect } from "../../netlink/route/redirect.ts";
import { type Bandwidth, planShaper, type RateLimit } from "../../plan/pods/bandwidth.ts";
import { ifbName } from "../../plan/pods/ifb.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

export interface ShapingInput {
  readonly bandwidth: Bandwidth;
  readonly hostLink: string;
  readonly linkIndex: number;
  /** Index that the ifb gets, where one is needed. */
  readonly ifbIndex: number;
  readonly mtu: number;
  /** Whether this kernel has IPv6. */
  readonly hasIpv6: boolean;
}

/**
 * The messages that limit what a pod receives, on the way out of its host link, and what it sends, on the way
 * out of an ifb. Pure.
 */
export function shapingRequests({
  bandwidth: { ingress, egress },
  hostLink,
  linkIndex,
  ifbIndex,
  mtu,
  hasIpv6,
}: ShapingInput): readonly NetlinkRequest[] {
  return [
    ...(ingress === undefined ? [] : [replaceTokenBucket(linkIndex, planShaper(ingress, mtu))]),
    ...(egress === undefined
      ? []
      : [
          createPlainLink({ kind: "ifb", name: ifbName(hostLink), index: ifbIndex, mtu, group: LINK_GROUP }),
          replaceTokenBucket(ifbIndex, planShaper(egress, mtu)),
          ...(hasIpv6 ? [setLink(ifbIndex, { addrGenMode: IN6_ADDR_GEN_MODE_NONE })] : []),
          setLink(ifbIndex, { up: true }),
          addIngress(linkIndex),
          addRedirect(linkIndex, ifbIndex),
        ]),
  ];
}

/** What the kernel has for the limits of one attachment. */
export interface ObservedShaping {
  readonly link: Link;
  readonly bandwidth: Bandwidth;
  readonly ifb: Link | undefined;
  /** Of all links. */
  readonly qdiscs: readonly Qdisc[];
  /** Links that what comes in is redirected to. */
  readonly redirects: readonly number[];
}

/** Reads what the kernel has for those host links that have limits; `links` are all links of the node. */
export async function observeShaping(
  rtnetlink: NetlinkClient,
  limited: readonly Pick<ObservedShaping, "link" | "bandwidth">[],
  links: readonly Link[],
): Promise<readonly ObservedShaping[]> {
  if (limited.length === 0) return [];
  const qdiscs = (await rtnetlink.dump(dumpQdiscs())).map(parseQdisc);
  const observed: ObservedShaping[] = [];
  for (const { link, bandwidth } of limited) {
    const ifb = links.find(({ name, kind }) => name === ifbName(link.name) && kind === "ifb");
    const redirects =
      bandwidth.egress === undefined
        ? []
        : (await rtnetlink.dump(dumpIngressFilters(link.index))).flatMap(
            (payload) => parseRedirect(payload) ?? [],
          );
    observed.push({ link, bandwidth, ifb, qdiscs, redirects });
  }
  return observed;
}

export interface ShapingFault {
  readonly fault: string;
  readonly requests: readonly NetlinkRequest[];
}

/**
 * Limits that are not as planned, and what puts them back; the ifb is then made anew with the index that
 * `nextLinkIndex` gives. Pure.
 */
export function planShapingRepairs(
  { link, bandwidth, ifb, qdiscs, redirects }: ObservedShaping,
  nextLinkIndex: () => number,
): readonly ShapingFault[] {
  const { index: linkIndex, name: hostLink, mtu } = link;
  const common = { hostLink, linkIndex, mtu, hasIpv6: link.addrGenMode !== undefined };
  const faults: ShapingFault[] = [];
  const isLimited = (index: number, limit: RateLimit): boolean => {
    const { rate, limit: queue } = planShaper(limit, mtu);
    return qdiscs.some(
      ({ linkIndex: owner, parent, tokenBucket }) =>
        owner === index && parent === TC_H_ROOT && tokenBucket?.rate === rate && tokenBucket.limit === queue,
    );
  };
  if (bandwidth.ingress !== undefined && !isLimited(linkIndex, bandwidth.ingress)) {
    const limit = { ...bandwidth, egress: undefined };
    faults.push({
      fault: `the limit on traffic to host link "${hostLink}" is missing`,
      requests: shapingRequests({ ...common, bandwidth: limit, ifbIndex: 0 }),
    });
  }
  if (bandwidth.egress === undefined) return faults;
  const isWhole =
    ifb?.up === true &&
    isLimited(ifb.index, bandwidth.egress) &&
    qdiscs.some(({ linkIndex: owner, parent }) => owner === linkIndex && parent === TC_H_INGRESS) &&
    redirects[0] === ifb.index;
  if (!isWhole) {
    const limit = { ...bandwidth, ingress: undefined };
    const ifbIndex = nextLinkIndex();
    faults.push({
      fault: `the limit on traffic from host link "${hostLink}" is missing`,
      requests: [
        deleteLink(ifbName(hostLink)),
        deleteIngress(linkIndex),
        ...shapingRequests({ ...common, bandwidth: limit, ifbIndex }),
      ],
    });
  }
  return faults;
}
