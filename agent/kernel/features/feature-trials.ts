import { tryLinkKind } from "../../netlink/link/plain-link.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { getGeneration, NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { tryQdisc } from "../../netlink/route/qdisc.ts";
import { tryAction } from "../../netlink/route/redirect.ts";
import { countConnections } from "../../netlink/state/conntrack.ts";
import { dumpNoSockets, NETLINK_SOCK_DIAG } from "../../netlink/state/sock-diag.ts";
import { countPolicies, NETLINK_XFRM } from "../../netlink/state/xfrm.ts";
import type { NetlinkProbe } from "../../plan/node/kernel-features.ts";
import { NETLINK_ROUTE } from "../socket/netlink-client.ts";

/** A request that changes nothing, and to which a kernel with the feature answers otherwise than one without. */
export interface FeatureTrial {
  readonly protocol: number;
  readonly request: NetlinkRequest;
  /** How a kernel that has the feature refuses the request; undefined: it does what is asked. */
  readonly present: string | undefined;
  /** How one refuses it that has not. */
  readonly missing: readonly string[];
}

/** IPPROTO_TCP and IPPROTO_UDP of netinet/in.h. */
const PROTOCOLS = { tcp: 6, udp: 17 } as const;

export function trialOf(probe: NetlinkProbe): FeatureTrial {
  switch (probe.kind) {
    case "link":
      return refusedAnyway(tryLinkKind(probe.name), ["EOPNOTSUPP"]);
    case "qdisc":
      return refusedAnyway(tryQdisc(probe.name), ["ENOENT", "EOPNOTSUPP"]);
    case "action":
      return refusedAnyway(tryAction(probe.name), ["ENOENT", "EOPNOTSUPP"]);
    case "sockets":
      return answered(NETLINK_SOCK_DIAG, dumpNoSockets(PROTOCOLS[probe.protocol]), "ENOENT");
    case "policies":
      return answered(NETLINK_XFRM, countPolicies());
    case "connections":
      // Nobody serves the subsystem (nfnetlink_rcv_msg of net/netfilter/nfnetlink.c).
      return answered(NETLINK_NETFILTER, countConnections(), "EINVAL");
    case "rulesets":
      return answered(NETLINK_NETFILTER, getGeneration(), "EINVAL");
  }
}

function refusedAnyway(request: NetlinkRequest, missing: readonly string[]): FeatureTrial {
  return { protocol: NETLINK_ROUTE, request, present: "EINVAL", missing };
}

/** No socket can be opened for a protocol that nobody serves. */
function answered(protocol: number, request: NetlinkRequest, ...missing: readonly string[]): FeatureTrial {
  return { protocol, request, present: undefined, missing: [...missing, "EPROTONOSUPPORT"] };
}
