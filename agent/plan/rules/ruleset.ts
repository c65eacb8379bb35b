import { type Family, familyOf } from "../../net/address.ts";
import { type Cidr, cidrOf } from "../../net/cidr.ts";
import { fnv1a64 } from "../../net/fnv1a.ts";
import { formatNftPrefix, mergeCidrs } from "../../net/merge-cidrs.ts";
import { formatPortElement, type PortElement } from "../pods/host-ports.ts";
import { addressType, keywordOf } from "./nft-family.ts";
import { type OverlayGuardInput, planOverlayGuard } from "./overlay-guard.ts";
import { PRIORITY_GUARD, planPortGuard } from "./port-guard.ts";
import { formatSourceElement, type SourceElement } from "../pods/sources.ts";

/** Name of our nftables tables: one of family inet, one of family bridge. */
export const TABLE_NAME = "causeway";

export interface RulesetInput {
  readonly bridge: string;
  /** PodCIDRs of this node: only their traffic is masqueraded, every node does its own. */
  readonly podCidrs: readonly Cidr[];
  /** Destinations that pods reach under their own address: all PodCIDRs of the cluster and what the operator adds. */
  readonly insideCidrs: readonly Cidr[];
  readonly masquerade: MasqueradeInput;
  /** See {@link Underlay}. */
  readonly serviceAddresses: readonly string[];
  /** Undefined where the cluster has no overlay. */
  readonly overlay: OverlayGuardInput | undefined;
}

export interface MasqueradeInput {
  readonly families: readonly Family[];
  /** Source ports at random, see {@link planRuleset}. */
  readonly randomPorts: boolean;
}

/** A set or map with its elements, as they are written: {@link formatFields} of netlink/nft-values.ts gives the same back, so values are in numbers. */
export interface NftSet {
  readonly name: string;
  /** Of the keys: `ipv4_addr`, or several joined by ` . `. */
  readonly type: string;
  /** Expressions that have this type, where it cannot be declared by name. */
  readonly typeof?: string;
  /** Type of the values: then it is a map. */
  readonly values: string | undefined;
  /** Elements are prefixes. */
  readonly isInterval: boolean;
  /** `KEY [comment "TEXT"] [: VALUE]`. */
  readonly elements: readonly string[];
}

export interface NftChain {
  readonly name: string;
  readonly type: "nat" | "filter";
  readonly hook: "prerouting" | "postrouting" | "input" | "output";
  readonly priority: number;
  /** Rule text without the comment. */
  readonly rules: readonly { readonly name: string; readonly text: string }[];
}

export interface NftTable {
  readonly family: "inet" | "bridge";
  /** Names of counters that rules share. */
  readonly counters: readonly string[];
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
 * After kube-proxy, which translates destinations at NF_IP_PRI_NAT_DST (-100) with iptables and with nftables: what it has taken for a service
 * stays one, since a connection is translated once. docs/dataplane.md has the argument.
 */
const PRIORITY_HOST_PORTS = -90;

/**
 * Plans all tables: what leaves the cluster's pod network is masqueraded, host ports lead to their pods, redirects about the bridge are dropped,
 * pods speak to nobody but their gateway on layer 2 and from their own addresses, and only nodes put packets into the overlay.
 */
export function planRuleset(input: RulesetInput): Ruleset {
  const families = [...new Set(input.podCidrs.map((cidr) => cidr.family))].toSorted((a, b) => a - b);
  const masqueraded = families.filter((family) => input.masquerade.families.includes(family));
  const overlay = planOverlayGuard(input.overlay);
  return [
    {
      family: "inet",
      counters: overlay.counters,
      sets: [
        ...masqueraded.flatMap((family) => planSets(family, input)),
        ...families.flatMap((family) => planPortSets(family, input)),
        ...overlay.sets,
      ],
      chains: [
        planSourceNat(families, masqueraded, input),
        planRedirectDrop(input.bridge),
        planLocalnetGuard(input.bridge, overlay.arrivalRules),
        planHostPorts("prerouting", families),
        planHostPorts("output", families),
        ...overlay.chains,
      ],
    },
    planPortGuard(),
  ];
}

function planSets(family: Family, { podCidrs, insideCidrs }: RulesetInput): NftSet[] {
  const prefixes = { type: addressType(family), values: undefined, isInterval: true };
  const elements = (...lists: readonly (readonly Cidr[])[]): string[] =>
    mergeCidrs(lists.flat().filter((cidr) => cidr.family === family)).map(formatNftPrefix);
  return [
    { ...prefixes, name: `pods${family}`, elements: elements(podCidrs) },
    { ...prefixes, name: `inside${family}`, elements: elements(podCidrs, insideCidrs, NEVER_MASQUERADED) },
  ];
}

/**
 * The name of no link is empty and sorts before all others. `iif 0` says the same, but for the index of a link nft lists all links first, and does so
 * again and again while others' links come and go.
 */
const FROM_NO_LINK = 'iifname < "!"';

function planSourceNat(
  families: readonly Family[],
  masqueraded: readonly Family[],
  { bridge, masquerade }: RulesetInput,
): NftChain {
  // Who sends from a pod's address on another link is no pod, and does not get this node's name (Linux 5.7: iif in postrouting).
  const fromPods = `iifname "${bridge}"`;
  return {
    name: "postrouting",
    type: "nat",
    hook: "postrouting",
    priority: PRIORITY_SOURCE_NAT,
    rules: [
      ...masqueraded.map((family) => {
        const ip = keywordOf(family);
        // fully-random: two pods that choose one source port at the same time must not lose a packet to a clash
        // (the 5 s DNS time-outs of weaveworks/weave#3287).
        const text = `${fromPods} ${ip} saddr @pods${family} ${ip} daddr != @inside${family} masquerade`;
        return {
          name: `masquerade${family}`,
          text: masquerade.randomPorts ? `${text} fully-random` : text,
        };
      }),
      // A pod would drop what comes from its own address, and cannot answer the node's loopback address.
      ...families.flatMap((family) => {
        const ip = keywordOf(family);
        const text = `oifname "${bridge}" ${ip} saddr . ${ip} daddr @hairpin${family} masquerade`;
        return [
          { name: `hairpin${family}`, text: `${fromPods} ${text}` },
          // What br_netfilter translates on the bridge comes from no link (br_nf_post_routing of net/bridge/br_netfilter_hooks.c).
          { name: `hairpin${family}-bridged`, text: `${FROM_NO_LINK} ${text}` },
        ];
      }),
      { name: "localnet", text: `oifname "${bridge}" ip saddr 127.0.0.0/8 masquerade` },
    ],
  };
}

/**
 * A port of the node leads to a pod, whoever asks: another machine, a pod, or the node itself. One look-up for ports of one address and one for
 * those of all, however many there are. `fib daddr type local`: the same port of any other machine is none of ours (CVE-2025-67499), nor is one
 * of a service whose address IPVS has made local.
 */
function planHostPorts(hook: "prerouting" | "output", families: readonly Family[]): NftChain {
  const local = "fib daddr type local";
  return {
    name: `hostports-${hook}`,
    type: "nat",
    hook,
    priority: PRIORITY_HOST_PORTS,
    rules: families.flatMap((family) => {
      const ip = keywordOf(family);
      const port = "meta l4proto . th dport";
      return [
        {
          name: `address${family}`,
          text: `${local} dnat ${ip} to ${ip} daddr . ${port} map @addressports${family}`,
        },
        {
          name: `any${family}`,
          text: `${ip} daddr != @services${family} ${local} dnat ${ip} to ${port} map @ports${family}`,
        },
      ];
    }),
  };
}

/** Nothing that goes to ::1 is forwarded: a port there is that of a program of the node, whatever pods have (containers/podman#12690). */
const NEVER_HOST_PORTS: readonly string[] = ["::1"];

/** Maps of host ports, whose elements are each attachment's own: see {@link withElements}. */
function planPortSets(family: Family, { serviceAddresses }: RulesetInput): readonly NftSet[] {
  const address = addressType(family);
  const port = "inet_proto . inet_service";
  const values = `${address} . inet_service`;
  const common = { isInterval: false, elements: [] };
  return [
    { ...common, name: `addressports${family}`, type: `${address} . ${port}`, values },
    { ...common, name: `ports${family}`, type: port, values },
    {
      ...common,
      name: `services${family}`,
      type: address,
      values: undefined,
      elements: [...NEVER_HOST_PORTS, ...serviceAddresses].filter(
        (candidate) => familyOf(candidate) === family,
      ),
    },
    { ...common, name: `hairpin${family}`, type: `${address} . ${address}`, values: undefined },
  ];
}

/** The same ruleset with what is each attachment's own: its host ports, and the addresses that it may send from. */
export function withElements(
  ruleset: Ruleset,
  ports: readonly PortElement[],
  sources: readonly SourceElement[],
): Ruleset {
  if (ports.length === 0 && sources.length === 0) return ruleset;
  const texts = new Map<string, string[]>();
  const add = (set: string, text: string): void => {
    const known = texts.get(set);
    if (known === undefined) texts.set(set, [text]);
    else known.push(text);
  };
  for (const element of ports) add(element.set, formatPortElement(element));
  for (const element of sources) add(element.set, formatSourceElement(element));
  return ruleset.map((table) => ({
    ...table,
    sets: table.sets.map((set) => ({ ...set, elements: texts.get(set.name) ?? set.elements })),
  }));
}

/**
 * With route_localnet on the bridge, which ports on 127.0.0.1 need for the answers, pods could reach whatever listens there on the node
 * (CVE-2020-8558). Answers to the node have the bridge's address here, which is translated back later.
 */
function planLocalnetGuard(bridge: string, arrivalRules: NftChain["rules"]): NftChain {
  return {
    name: "localnet",
    type: "filter",
    hook: "prerouting",
    priority: PRIORITY_GUARD,
    rules: [
      // The address first: it is cheaper to compare than a name, and ends the rule for nearly every packet.
      { name: "localnet", text: `ip daddr 127.0.0.0/8 iifname "${bridge}" drop` },
      { name: "localnet-source", text: `ip saddr 127.0.0.0/8 iifname "${bridge}" drop` },
      ...arrivalRules,
    ],
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
 * Comment by which a rule is recognised in the kernel, since nft does not give rules back as they were written: its name and a hash
 * of its text, so that a rule of an earlier release is not taken for today's.
 */
export function ruleComment({ name, text }: NftChain["rules"][number]): string {
  const { high, low } = fnv1a64(new TextEncoder().encode(text));
  return `${name} ${[high, low].map((half) => half.toString(16).padStart(8, "0")).join("")}`;
}

/** All tables as input of `nft -f`: one transaction that replaces them whole, so that nothing of an earlier state stays. */
export function formatRuleset(ruleset: Ruleset): string {
  return ruleset.map(formatTable).join("");
}

/** One table whole. The first `add` makes the `delete` work on a table that is not there. */
export function formatTable({ family, counters, sets, chains }: NftTable): string {
  const table = `${family} ${TABLE_NAME}`;
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...counters.map((name) => `\tcounter ${name} { }`),
    ...sets.flatMap(formatSet),
    ...chains.flatMap(formatChain),
    "}",
    "",
  ].join("\n");
}

function formatSet(set: NftSet): readonly string[] {
  const { elements } = set;
  const content = elements.length === 0 ? [] : [`\t\telements = { ${elements.join(", ")} }`];
  return [
    `\t${kindOf(set)} ${set.name} {`,
    ...formatSetTypes(set).map((line) => `\t\t${line}`),
    ...content,
    "\t}",
  ];
}

export function kindOf({ values }: NftSet): "set" | "map" {
  return values === undefined ? "set" : "map";
}

/** Statements about a set that are not elements. */
export function formatSetTypes({ type, typeof: expressions, values, isInterval }: NftSet): readonly string[] {
  return [
    expressions === undefined
      ? `type ${values === undefined ? type : `${type} : ${values}`}`
      : `typeof ${expressions}`,
    ...(isInterval ? ["flags interval"] : []),
  ];
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
