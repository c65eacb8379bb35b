import type { Family } from "../../net/address.ts";
import { formatCidr } from "../../net/cidr.ts";
import { LINK_GROUP } from "../../net/host-link.ts";
import { formatPortElement, type PortElement } from "../pods/host-ports.ts";
import { formatSourceElement, type SourceElement } from "../pods/sources.ts";
import { keywordOf } from "../nft/nft-family.ts";
import type { NftChain, NftFlowTable, NftSet, Ruleset } from "../nft/nft-table.ts";
import { planEncryptionRules, planRemotePods } from "./encryption-guard.ts";
import { planFastPath, planFlowTable } from "./fast-path/fast-path.ts";
import { HOST_PORT_CHAINS, planHostPorts, planPortSets } from "./host-port-rules.ts";
import { OUTSIDER_COUNTER, planOutsiderRules } from "./outsider-guard.ts";
import { planOverlayGuard } from "./overlay-guard.ts";
import { planPortGuard } from "./port-guard.ts";
import type { RulesetInput } from "./ruleset-input.ts";
import { planMasqueradeSets, planSourceNat } from "./source-nat.ts";

/** NF_IP_PRI_RAW (uapi/linux/netfilter_ipv4.h): before connection tracking, after defragmentation. */
const PRIORITY_RAW = -300;

/**
 * Of chain `departure` beside a flow table. A release that knows of none finds the chain in the wrong place
 * and replaces the table whole, the flow table with it: else one would stay after a rollback.
 */
const PRIORITY_BESIDE_FLOW_TABLE = -299;

/**
 * Plans all tables: what leaves the cluster's pod network is masqueraded, host ports lead to their pods,
 * redirects about the bridge are dropped, pods speak to nobody but their gateway on layer 2 and from their
 * own addresses, from which nobody else speaks, and only nodes put packets into the overlay.
 */
export function planRuleset(input: RulesetInput): Ruleset {
  const families = familiesOf(input);
  const masqueraded = masqueradedOf(input);
  const overlay = planOverlayGuard(input.overlay);
  const encryption = planEncryptionRules(input.encryption);
  const { fastPath, prefixSets = planPrefixSets(input).map((planSet) => planSet()) } = input;
  const withPorts = input.lacksHostPorts === true ? [] : families;
  return [
    {
      family: "inet",
      counters: [OUTSIDER_COUNTER, ...overlay.counters, ...encryption.counters],
      sets: [...prefixSets, ...withPorts.flatMap((family) => planPortSets(family, input)), ...overlay.sets],
      chains: [
        ...planSourceNat(withPorts, masqueraded, input),
        planDeparture(input, [...encryption.departureRules, ...overlay.departureRules]),
        planErrorGuard(input),
        planArrival([...encryption.arrivalRules, ...planOutsiderRules(input), ...overlay.arrivalRules]),
        ...planHostPorts(withPorts),
        ...overlay.chains,
        ...encryption.chains,
        ...(fastPath === undefined ? [] : [planFastPath(input.bridge, fastPath)]),
      ],
      ...(fastPath === undefined ? {} : { flowTable: planFlowTable(fastPath) }),
    },
    planPortGuard(),
  ];
}

/**
 * The sets of prefixes of the whole cluster. Among thousands of nodes each takes some 10 ms to plan, so that
 * whoever has others waiting plans them one by one.
 */
export function planPrefixSets(input: RulesetInput): readonly (() => NftSet)[] {
  return [
    ...masqueradedOf(input).flatMap((family) => planMasqueradeSets(family, input)),
    ...planRemotePods(input.encryption),
  ];
}

function familiesOf({ podCidrs }: RulesetInput): readonly Family[] {
  return [...new Set(podCidrs.map(({ family }) => family))].toSorted((a, b) => a - b);
}

function masqueradedOf(input: RulesetInput): readonly Family[] {
  return familiesOf(input).filter((family) => input.masquerade.families.includes(family));
}

/** Whether host ports lead to their pods by this ruleset. */
export function servesHostPorts(ruleset: Ruleset): boolean {
  return ruleset.some(({ chains }) => chains.some(({ name }) => name.startsWith(HOST_PORT_CHAINS)));
}

/** What is each attachment's own. */
export interface AttachmentElements {
  readonly ports: readonly PortElement[];
  /** The addresses that it may send from. */
  readonly sources: readonly SourceElement[];
  /** Host links that are devices of a flow table. */
  readonly fastLinks: readonly string[];
}

/** The same ruleset with what is each attachment's own. */
export function withElements(ruleset: Ruleset, { ports, sources, fastLinks }: AttachmentElements): Ruleset {
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
    ...(table.flowTable === undefined ? {} : { flowTable: withDevices(table.flowTable, fastLinks) }),
  }));
}

function withDevices(flowTable: NftFlowTable, links: readonly string[]): NftFlowTable {
  return { ...flowTable, devices: [...flowTable.devices, ...links] };
}

/** The filter of what arrives, before it is tracked. */
function planArrival(rules: NftChain["rules"]): NftChain {
  return { name: "arrival", type: "filter", hook: "prerouting", priority: PRIORITY_RAW, rules };
}

/** Ends a chain that is about ICMP for nearly every packet, at the price of two numbers. */
const NO_ICMP = { name: "no-icmp", text: "meta l4proto != 1 meta l4proto != 58 accept" } as const;

/** What ends a socket's conversation. */
const ERRORS = [
  "icmp type destination-unreachable",
  "icmp type time-exceeded",
  "icmp type parameter-problem",
  "icmpv6 type destination-unreachable",
  "icmpv6 type time-exceeded",
  "icmpv6 type parameter-problem",
] as const;

/**
 * What is too big for a path is said by routers, not by pods. About an echo of its own the kernel believes
 * whoever says so (icmp_err of net/ipv4/icmp.c): one packet of a pod, and for ten minutes everything that the
 * node itself sends to an address goes in pieces of 552 bytes, what carries the overlay among it. Only what
 * comes to the node passes here; an answer about a pod's connection has been translated back by then.
 *
 * Of other errors the node hears those about connections in which a pod takes part. One about anything else
 * is a lie, and ends what a socket of the node waits for: an answer of DNS, of which a pod can guess the port
 * in a second.
 */
function planErrorGuard({ bridge, podCidrs }: RulesetInput): NftChain {
  const fromPods = `iifname "${bridge}"`;
  return {
    name: "input",
    type: "filter",
    hook: "input",
    priority: 0,
    rules: [
      NO_ICMP,
      { name: "too-big4", text: `iifgroup ${LINK_GROUP} icmp type destination-unreachable icmp code 4 drop` },
      { name: "too-big6", text: `iifgroup ${LINK_GROUP} icmpv6 type packet-too-big drop` },
      ...podCidrs.flatMap((cidr) => {
        const prefix = formatCidr(cidr);
        const text = (end: string): string =>
          `${fromPods} meta l4proto ${cidr.family === 4 ? 1 : 58} ct ${end} ${keywordOf(cidr.family)} saddr ${prefix} accept`;
        return [
          { name: `answering-${prefix}`, text: text("reply") },
          { name: `asking-${prefix}`, text: text("original") },
        ];
      }),
      ...ERRORS.map((type) => ({ name: type.replaceAll(" ", "-"), text: `${fromPods} ${type} drop` })),
    ],
  };
}

/**
 * Pods of one node talk through the host's IP stack, so every packet leaves the bridge where it came in and
 * the host would tell the sender to take the short way, which the guard does not allow. send_redirects of one
 * link cannot turn this off (it is ORed with that of "all"), and IPv6 has no such switch.
 */
function planDeparture({ bridge, fastPath }: RulesetInput, untracked: NftChain["rules"]): NftChain {
  return {
    name: "departure",
    type: "filter",
    hook: "output",
    priority: fastPath === undefined ? PRIORITY_RAW : PRIORITY_BESIDE_FLOW_TABLE,
    rules: [
      ...untracked,
      NO_ICMP,
      { name: "redirect4", text: `oifname "${bridge}" icmp type redirect drop` },
      { name: "redirect6", text: `oifname "${bridge}" icmpv6 type nd-redirect drop` },
    ],
  };
}
