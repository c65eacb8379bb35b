import { LINK_GROUP } from "../../net/host-link.ts";
import { dropCounter, PORT_DROP_REASONS, type PortDropReason } from "./drop-reasons.ts";
import { LINK_GUARD, LOOPBACK } from "./link-guard.ts";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import type { NftChain, NftSet, NftTable } from "../nft/nft-table.ts";
import { ANY_SOURCE_SET } from "../pods/sources.ts";

/**
 * Before br_netfilter, which calls the packet filter of IPv4 and IPv6 for frames on a bridge at priority 0
 * (NF_BR_PRI_BRNF of linux/netfilter_bridge.h).
 */
const PRIORITY_GUARD = -300;

/** All DHCPv6 relay agents and servers (RFC 8415 section 7.1), as a group of Ethernet. */
const DHCPV6_GROUP_MAC = "33:33:00:01:00:02";

/**
 * The guard at pods' ports: a frame passes if it goes to the gateway and comes from an address that the pod's
 * ADD gave it. Whatever else a pod sends is dropped and counted: the list is of what passes, so that
 * fragments, extension headers and tags need no rules of their own.
 *
 * Isolated ports would keep pods apart on layer 2 as well, but for one case: with br_netfilter calling
 * iptables the bridge itself translates the destination of a service and forwards the frame to the pod's port
 * (br_nf_pre_routing_finish of net/bridge/br_netfilter_hooks.c), and isolated ports drop it
 * (kubernetes/kubernetes#87426).
 */
export function planPortGuard(): NftTable {
  return {
    family: "bridge",
    counters: PORT_DROP_REASONS.map(dropCounter),
    sets: [
      sourceSet("sources4", "ifname . ipv4_addr"),
      sourceSet("sources6", "ifname . ipv6_addr"),
      sourceSet(ANY_SOURCE_SET, "ifname"),
    ],
    chains: [planGuardChain()],
  };
}

/** Its elements are each attachment's own: see {@link withElements}. */
function sourceSet(name: string, type: string): NftSet {
  return { name, type, values: undefined, isInterval: false, elements: [] };
}

function planGuardChain(): NftChain {
  const fromPod = `iifgroup ${LINK_GROUP}`;
  // Nothing but pods' ports is in the sets of sources: to ask for the group as well would cost every packet.
  const toGateway = `ether daddr ${BRIDGE_MAC}`;
  const own4 = "iifname . ip saddr @sources4 accept";
  const own6 = "iifname . ip6 saddr @sources6 accept";
  const drop = (reason: PortDropReason): string => `counter name "${dropCounter(reason)}" drop`;
  return {
    name: "prerouting",
    type: "filter",
    hook: "prerouting",
    priority: PRIORITY_GUARD,
    rules: [
      // Nearly every packet ends here, at one look-up, however many pods there are. The link guard judges
      // nothing but what these leave to it.
      { name: "source4", text: `${toGateway} ip protocol != 1 ip daddr != ${LOOPBACK} ${own4}` },
      { name: "source6", text: `${toGateway} meta l4proto != 58 ip6 daddr != fe80::/10 ${own6}` },
      ...LINK_GUARD,
      { name: "source4-icmp", text: `${toGateway} ${own4}` },
      { name: "source6-icmp", text: `${toGateway} ${own6}` },
      {
        name: "dhcpv6",
        text: `${fromPod} ether daddr ${DHCPV6_GROUP_MAC} iifname . ip6 saddr @sources6 udp dport 547 accept`,
      },
      // What the kernels of pods say to everybody at their start; nobody hears it.
      {
        name: "group",
        text: `${fromPod} ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 ${drop("group")}`,
      },
      { name: "destination", text: `${fromPod} ether daddr != ${BRIDGE_MAC} ${drop("destination")}` },
      { name: "any-source", text: `${fromPod} iifname @${ANY_SOURCE_SET} accept` },
      { name: "source", text: `${fromPod} ${drop("source")}` },
    ],
  };
}
