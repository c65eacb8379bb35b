import type { Family } from "../net/address.ts";
import { type Cidr, cidrOf } from "../net/cidr.ts";
import { fnv1a64 } from "../net/fnv1a.ts";
import { formatNftPrefix, mergeCidrs } from "../net/merge-cidrs.ts";

/** Family and name of the only nftables table that is ours. */
export const TABLE = { family: "inet", name: "causeway" } as const;

export interface RulesetInput {
  readonly bridge: string;
  /** PodCIDRs of this node: only their traffic is masqueraded, every node does its own. */
  readonly podCidrs: readonly Cidr[];
  /** Destinations that pods reach under their own address: all PodCIDRs of the cluster and what the operator adds. */
  readonly insideCidrs: readonly Cidr[];
  readonly masquerade: MasqueradeInput;
}

export interface MasqueradeInput {
  readonly families: readonly Family[];
  /** Source ports at random, see {@link planRuleset}. */
  readonly randomPorts: boolean;
}

/** A set with its elements, as they are written and as `nft -j list` gives them back. */
export interface NftSet {
  readonly name: string;
  readonly type: "ipv4_addr" | "ipv6_addr";
  readonly elements: readonly string[];
}

export interface NftChain {
  readonly name: string;
  readonly type: "nat" | "filter";
  readonly hook: "postrouting" | "output";
  readonly priority: number;
  /** Rule text without the comment. */
  readonly rules: readonly { readonly name: string; readonly text: string }[];
}

export interface Ruleset {
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

/** Destinations that never leave through a router under another address: link-local and multicast (RFC 3927, 4291, 5771). */
const NEVER_MASQUERADED: readonly Cidr[] = [
  cidrOf("169.254.0.0", 16),
  cidrOf("224.0.0.0", 4),
  cidrOf("fe80::", 10),
  cidrOf("ff00::", 8),
];

/** NF_IP_PRI_NAT_SRC of linux/netfilter_ipv4.h. */
const PRIORITY_SOURCE_NAT = 100;

/** Plans the whole table: what leaves the cluster's pod network is masqueraded, redirects about the bridge are dropped. */
export function planRuleset(input: RulesetInput): Ruleset {
  const families = [...new Set(input.podCidrs.map((cidr) => cidr.family))]
    .filter((family) => input.masquerade.families.includes(family))
    .toSorted((a, b) => a - b);
  const masquerade = families.length > 0 ? [planMasquerade(families, input.masquerade.randomPorts)] : [];
  return {
    sets: families.flatMap((family) => planSets(family, input)),
    chains: [...masquerade, planRedirectDrop(input.bridge)],
  };
}

function planSets(family: Family, { podCidrs, insideCidrs }: RulesetInput): NftSet[] {
  const type = family === 4 ? "ipv4_addr" : "ipv6_addr";
  const elements = (...lists: readonly (readonly Cidr[])[]): string[] =>
    mergeCidrs(lists.flat().filter((cidr) => cidr.family === family)).map(formatNftPrefix);
  return [
    { name: `pods${family}`, type, elements: elements(podCidrs) },
    { name: `inside${family}`, type, elements: elements(podCidrs, insideCidrs, NEVER_MASQUERADED) },
  ];
}

function planMasquerade(families: readonly Family[], randomPorts: boolean): NftChain {
  return {
    name: "postrouting",
    type: "nat",
    hook: "postrouting",
    priority: PRIORITY_SOURCE_NAT,
    rules: families.map((family) => {
      const ip = family === 4 ? "ip" : "ip6";
      // fully-random: two pods that choose one source port at the same time must not lose a packet to a clash
      // (the 5 s DNS time-outs of weaveworks/weave#3287).
      const masquerade = randomPorts ? "masquerade fully-random" : "masquerade";
      const text = `${ip} saddr @pods${family} ${ip} daddr != @inside${family} ${masquerade}`;
      return { name: `masquerade${family}`, text };
    }),
  };
}

/**
 * Pods of one node talk through the host's IP stack, so every packet leaves the bridge where it came in and the host would tell
 * the sender to take the short way, which isolated ports do not offer. send_redirects of one link cannot turn this off (it is
 * ORed with that of "all"), and IPv6 has no such switch.
 */
function planRedirectDrop(bridge: string): NftChain {
  return {
    name: "output",
    type: "filter",
    hook: "output",
    priority: 0,
    rules: [
      { name: "redirect4", text: `oifname "${bridge}" icmp type redirect drop` },
      { name: "redirect6", text: `oifname "${bridge}" icmpv6 type nd-redirect drop` },
    ],
  };
}

/**
 * Comment by which a rule is recognised in the kernel, since nft does not give rules back as they were written: its name and a hash
 * of its text, so that a rule of an earlier release is not taken for today's.
 */
export function ruleComment({ name, text }: NftChain["rules"][number]): string {
  return `${name} ${fnv1a64(new TextEncoder().encode(text)).toString(16).padStart(16, "0")}`;
}

/**
 * The table as input of `nft -f`: one transaction that replaces the whole table, so that nothing of an earlier state stays. The
 * first `add` makes the `delete` work on a table that is not there.
 */
export function formatRuleset({ sets, chains }: Ruleset): string {
  const table = `${TABLE.family} ${TABLE.name}`;
  const lines = [`add table ${table}`, `delete table ${table}`, `table ${table} {`];
  for (const { name, type, elements } of sets) {
    lines.push(`\tset ${name} {`, `\t\ttype ${type}`, "\t\tflags interval");
    if (elements.length > 0) lines.push(`\t\telements = { ${elements.join(", ")} }`);
    lines.push("\t}");
  }
  for (const { name, type, hook, priority, rules } of chains) {
    lines.push(`\tchain ${name} {`);
    lines.push(`\t\ttype ${type} hook ${hook} priority ${priority}; policy accept;`);
    for (const rule of rules) lines.push(`\t\t${rule.text} comment "${ruleComment(rule)}"`);
    lines.push("\t}");
  }
  lines.push("}", "");
  return lines.join("\n");
}
