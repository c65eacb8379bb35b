import { withRange } from "../../net/address-range.ts";
import type { Family } from "../../net/address.ts";
import { cidrOf } from "../../net/cidr.ts";
import { planPrefixSet } from "../nft/prefix-set.ts";
import { keywordOf } from "../nft/nft-family.ts";
import type { NftChain, NftSet } from "../nft/nft-table.ts";
import type { RulesetInput } from "./ruleset-input.ts";

/**
 * Destinations that never leave through a router under another address: link-local and multicast (RFC 3927,
 * 4291, 5771).
 */
const NEVER_MASQUERADED = [
  cidrOf("169.254.0.0", 16),
  cidrOf("224.0.0.0", 4),
  cidrOf("fe80::", 10),
  cidrOf("ff00::", 8),
].map(withRange);

/** NF_IP_PRI_NAT_SRC of linux/netfilter_ipv4.h. */
const PRIORITY_SOURCE_NAT = 100;

/** The sets that masquerade asks, each planned when it is called for: the second is as long as the cluster. */
export function planMasqueradeSets(
  family: Family,
  { podCidrs, insideCidrs }: RulesetInput,
): readonly (() => NftSet)[] {
  const own = podCidrs.map(withRange);
  return [
    () => planPrefixSet(`pods${family}`, family, own),
    () => planPrefixSet(`inside${family}`, family, [...own, ...insideCidrs, ...NEVER_MASQUERADED]),
  ];
}

/**
 * The name of no link is empty and sorts before all others. `iif 0` says the same, but for the index of a
 * link nft lists all links first, and does so again and again while others' links come and go.
 */
const FROM_NO_LINK = 'iifname < "!"';

/** No chain where neither masquerade nor host ports, which `withPorts` has the families of, need one. */
export function planSourceNat(
  withPorts: readonly Family[],
  masqueraded: readonly Family[],
  { bridge, masquerade }: RulesetInput,
): readonly NftChain[] {
  // Who sends from a pod's address on another link is no pod, and does not get this node's name (Linux 5.7:
  // iif in postrouting).
  const fromPods = `iifname "${bridge}"`;
  const rules = [
    ...masqueraded.map((family) => {
      const ip = keywordOf(family);
      const isFamily = `meta nfproto ipv${family}`;
      // fully-random: two pods that choose one source port at the same time must not lose a packet to a clash
      // (the 5 s DNS time-outs of weaveworks/weave#3287).
      const text = `${isFamily} ${fromPods} ${ip} saddr @pods${family} ${ip} daddr != @inside${family} masquerade`;
      return {
        name: `masquerade${family}`,
        text: masquerade.randomPorts ? `${text} fully-random` : text,
      };
    }),
    // A pod would drop what comes from its own address, and cannot answer the node's loopback address.
    ...withPorts.flatMap((family) => {
      const ip = keywordOf(family);
      const isFamily = `meta nfproto ipv${family}`;
      const text = `oifname "${bridge}" ${ip} saddr . ${ip} daddr @hairpin${family} masquerade`;
      return [
        { name: `hairpin${family}`, text: `${isFamily} ${fromPods} ${text}` },
        // What br_netfilter translates on the bridge comes from no link (br_nf_post_routing of
        // net/bridge/br_netfilter_hooks.c).
        { name: `hairpin${family}-bridged`, text: `${isFamily} ${FROM_NO_LINK} ${text}` },
      ];
    }),
    ...(withPorts.length === 0
      ? []
      : [{ name: "localnet", text: `oifname "${bridge}" ip saddr 127.0.0.0/8 masquerade` }]),
  ];
  return rules.length === 0
    ? []
    : [{ name: "postrouting", type: "nat", hook: "postrouting", priority: PRIORITY_SOURCE_NAT, rules }];
}
