import type { Family } from "../net/address.ts";
import { type Cidr, cidrOf } from "../net/cidr.ts";
import { fnv1a64 } from "../net/fnv1a.ts";
import { LINK_GROUP } from "../net/host-link.ts";
import { formatNftPrefix, mergeCidrs } from "../net/merge-cidrs.ts";
import { BRIDGE_MAC } from "./node-network.ts";

/** Name of our nftables tables: one of family inet, one of family bridge. */
export const TABLE_NAME = "causeway";

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
  readonly hook: "prerouting" | "postrouting" | "output";
  readonly priority: number;
  /** Rule text without the comment. */
  readonly rules: readonly { readonly name: string; readonly text: string }[];
}

export interface NftTable {
  readonly family: "inet" | "bridge";
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

/** All tables of ours, each called {@link TABLE_NAME}. */
export type Ruleset = readonly NftTable[];

/** Destinations that never leave through a router under another address: link-local and multicast (RFC 3927, 4291, 5771). */
const NEVER_MASQUERADED: readonly Cidr[] = [
  cidrOf("169.254.0.0", 16),
  cidrOf("224.0.0.0", 4),
  cidrOf("fe80::", 10),
  cidrOf("ff00::", 8),
];

/** NF_IP_PRI_NAT_SRC of linux/netfilter_ipv4.h. */
const PRIORITY_SOURCE_NAT = 100;

/**
 * Before br_netfilter, which calls the packet filter of IPv4 and IPv6 for frames on a bridge at priority 0
 * (NF_BR_PRI_BRNF of linux/netfilter_bridge.h).
 */
const PRIORITY_GUARD = -300;

/**
 * Plans all tables: what leaves the cluster's pod network is masqueraded, redirects about the bridge are dropped, and pods speak to nobody but
 * their gateway on layer 2.
 */
export function planRuleset(input: RulesetInput): Ruleset {
  const families = [...new Set(input.podCidrs.map((cidr) => cidr.family))]
    .filter((family) => input.masquerade.families.includes(family))
    .toSorted((a, b) => a - b);
  const masquerade = families.length > 0 ? [planMasquerade(families, input.masquerade.randomPorts)] : [];
  return [
    {
      family: "inet",
      sets: families.flatMap((family) => planSets(family, input)),
      chains: [...masquerade, planRedirectDrop(input.bridge)],
    },
    { family: "bridge", sets: [], chains: [planGuard()] },
  ];
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
 * the sender to take the short way, which the guard does not allow. send_redirects of one link cannot turn this off (it is
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
 * A pod's frames may go to the gateway only, or to a group, which ports do not flood. Isolated ports would do the same, but for one case: with
 * br_netfilter calling iptables the bridge itself translates the destination of a service and forwards the frame to the pod's port
 * (br_nf_pre_routing_finish of net/bridge/br_netfilter_hooks.c), and isolated ports drop it (kubernetes/kubernetes#87426).
 */
function planGuard(): NftChain {
  const toOthers = `ether daddr != ${BRIDGE_MAC} ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00`;
  return {
    name: "prerouting",
    type: "filter",
    hook: "prerouting",
    priority: PRIORITY_GUARD,
    rules: [{ name: "guard", text: `iifgroup ${LINK_GROUP} ${toOthers} drop` }],
  };
}

/**
 * Comment by which a rule is recognised in the kernel, since nft does not give rules back as they were written: its name and a hash
 * of its text, so that a rule of an earlier release is not taken for today's.
 */
export function ruleComment({ name, text }: NftChain["rules"][number]): string {
  return `${name} ${fnv1a64(new TextEncoder().encode(text)).toString(16).padStart(16, "0")}`;
}

/** All tables as input of `nft -f`: one transaction that replaces them whole, so that nothing of an earlier state stays. */
export function formatRuleset(ruleset: Ruleset): string {
  return ruleset.map(formatTable).join("");
}

/** One table whole. The first `add` makes the `delete` work on a table that is not there. */
export function formatTable({ family, sets, chains }: NftTable): string {
  const table = `${family} ${TABLE_NAME}`;
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...sets.flatMap(formatSet),
    ...chains.flatMap(formatChain),
    "}",
    "",
  ].join("\n");
}

function formatSet({ name, type, elements }: NftSet): readonly string[] {
  const content = elements.length === 0 ? [] : [`\t\telements = { ${elements.join(", ")} }`];
  return [`\tset ${name} {`, `\t\ttype ${type}`, "\t\tflags interval", ...content, "\t}"];
}

/** A chain with its rules, as lines inside a table. */
export function formatChain({ name, type, hook, priority, rules }: NftChain): readonly string[] {
  return [
    `\tchain ${name} {`,
    `\t\ttype ${type} hook ${hook} priority ${priority}; policy accept;`,
    ...rules.map((rule) => `\t\t${rule.text} comment "${ruleComment(rule)}"`),
    "\t}",
  ];
}
