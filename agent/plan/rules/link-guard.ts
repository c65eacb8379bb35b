import { LINK_GROUP } from "../../net/host-link.ts";
import { dropCounter, type PortDropReason } from "./drop-reasons.ts";
import type { NftChain } from "../nft/nft-table.ts";

const FROM_PODS = `iifgroup ${LINK_GROUP}`;

/**
 * With route_localnet on the bridge, which ports on 127.0.0.1 need for the answers and kube-proxy sets on all
 * links, pods could reach whatever listens there on the node (CVE-2020-8558). Answers to the node have the
 * gateway's address here, which is translated back later.
 */
export const LOOPBACK = "127.0.0.0/8";

const ICMPV6 = "meta protocol ip6 meta l4proto 58";

function drop(reason: PortDropReason): string {
  return `counter name "${dropCounter(reason)}" drop`;
}

/**
 * Link-layer business of pods that ends before the host's stack hears of it. Gateways and pods know each
 * other by permanent entries, so nothing of it is needed; and what the stack hears, it learns or answers: ARP
 * and neighbour solicitations fill its neighbour table, advertisements of routers and redirects change its
 * routes, one setting away from the kernel's defaults. Each rule ends at its first expressions for most
 * packets.
 *
 * Numbers of protocols, since names are what a file of the machine makes of them (58: ICMPv6, 1: ICMP).
 * Protocols are asked of the packet (`meta protocol`), not of the frame as nft would by itself: a VLAN tag of
 * number 0 stands in the frame, and the stack takes what it carries for untagged. No sets in braces: they are
 * sets without a name, which our tables have none of.
 */
export const LINK_GUARD: NftChain["rules"] = [
  // ARP, and whatever else is no IP.
  { name: "protocol", text: `meta protocol != ip meta protocol != ip6 ${FROM_PODS} ${drop("protocol")}` },
  // Multicast listeners (RFC 2710), neighbour discovery with redirects (RFC 4861).
  { name: "discovery", text: `${ICMPV6} icmpv6 type 130-137 ${FROM_PODS} ${drop("discovery")}` },
  // Inverse and secure discovery (RFC 3122, 3971), multicast listeners and routers of today (RFC 3810, 4286).
  { name: "listeners", text: `${ICMPV6} icmpv6 type 141-153 ${FROM_PODS} ${drop("discovery")}` },
  {
    name: "redirect",
    text: `meta protocol ip meta l4proto 1 icmp type redirect ${FROM_PODS} ${drop("redirect")}`,
  },
  { name: "loopback", text: `meta protocol ip ip daddr ${LOOPBACK} ${FROM_PODS} ${drop("destination")}` },
  { name: "loopback-source", text: `meta protocol ip ip saddr ${LOOPBACK} ${FROM_PODS} ${drop("source")}` },
  // The gateway has no such address, and the host would ask the bridge who has it.
  { name: "link-local", text: `meta protocol ip6 ip6 daddr fe80::/10 ${FROM_PODS} ${drop("link-local")}` },
];
