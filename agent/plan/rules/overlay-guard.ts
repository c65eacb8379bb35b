import { type Family, familyOf } from "../../net/address.ts";
import { LINK_GROUP } from "../../net/host-link.ts";
import type { OverlayDropReason } from "./drop-reasons.ts";
import { addressType, keywordOf } from "../nft/nft-family.ts";
import type { OverlayNode } from "../peers/overlay-nodes.ts";
import { FAMILIES } from "../peers/peer-routes.ts";
import { type OverlayBindings, planOverlayBindings, sendersName } from "./overlay-bindings.ts";
import type { NftChain, NftSet } from "../nft/nft-table.ts";

export interface OverlayGuardInput {
  readonly bridge: string;
  /** Names of VXLAN devices that there may be. */
  readonly devices: readonly string[];
  /** UDP port of VXLAN, and the number of our network on it. */
  readonly port: number;
  readonly vni: number;
  /** Whether this node has, or may have, VXLAN devices of ours that take packets out of the overlay. */
  readonly isReceiver: boolean;
  /** The addresses that other nodes send to; empty while nobody has told them: then they are not judged. */
  readonly ownAddresses: readonly string[];
  /** All others. */
  readonly nodes: readonly OverlayNode[];
  /** What is written for them, where that has been done before. */
  readonly bindings?: OverlayBindings | undefined;
}

/** What is dropped, and why: names of counters, and of reasons in the metric. */
export const OVERLAY_COUNTERS = {
  /** A pod, or another node's pod, speaks to the overlay's port of a node. */
  pod: "overlay-pod",
  /**
   * The outer packet is not one that a node has sent to this node, or it arrives where that node is not
   * reached.
   */
  outer: "overlay-outer",
  /** The inner source is none of the node that the outer source names. */
  inner: "overlay-inner",
} as const satisfies Readonly<Record<string, OverlayDropReason>>;

/** The chain that judges what comes from other nodes. */
export const RECEIVING_CHAIN = "overlay-input";

export interface OverlayGuard {
  readonly counters: readonly string[];
  readonly sets: readonly NftSet[];
  /**
   * For the filter of prerouting, which looks at each packet of the node anyhow: a chain more costs more than
   * a rule.
   */
  readonly arrivalRules: NftChain["rules"];
  /** The same for the filter of what the node itself sends. */
  readonly departureRules: NftChain["rules"];
  readonly chains: readonly NftChain[];
}

const NO_GUARD: OverlayGuard = { counters: [], sets: [], arrivalRules: [], departureRules: [], chains: [] };

/** NF_IP_PRI_RAW_BEFORE_DEFRAG (uapi/linux/netfilter_ipv4.h). */
const PRIORITY_BEFORE_DEFRAGMENTATION = -450;

/** After IPVS, which translates destinations at NF_IP_PRI_NAT_SRC - 1 of its input hook (ip_vs_core.c). */
const PRIORITY_INPUT = 110;

/**
 * After all translation of destinations, also that of IPVS, whose packets come by the output hook; before
 * that of sources, at 100.
 */
const PRIORITY_POSTROUTING = 90;

/**
 * The number and the byte behind it in the VXLAN header, in bits from the UDP header (RFC 7348 section 5):
 * the kernel reads four bytes with less than three.
 */
const VNI = "@th,96,32 & 0xffffff00";

const vniValue = (vni: number): string => `0x${(vni * 256).toString(16).padStart(8, "0")}`;

/** EtherTypes of the inner Ethernet header, IPv4 or IPv6 without a VLAN tag, in bits from the UDP header. */
const INNER_IP = { 4: "@th,224,16 0x0800", 6: "@th,224,16 0x86dd" } as const;

/**
 * VXLAN knows no authentication: who can send UDP to a node can put packets into the pod network. So packets
 * of our network are taken only from addresses of nodes, sent to the address that nodes send to, arriving
 * where the sender is reached, with an inner source that the sender's pods have. Of other networks on the
 * same port nothing is judged, but that pods send nothing to the port of a node.
 */
export function planOverlayGuard(input: OverlayGuardInput | undefined): OverlayGuard {
  if (input === undefined) return NO_GUARD;
  const nodes = FAMILIES.map((family) => planNodes(family, input));
  const { pod, outer, inner } = OVERLAY_COUNTERS;
  if (!input.isReceiver) return { ...NO_GUARD, counters: [pod], sets: nodes, chains: [planSending(input)] };
  const bindings = input.bindings ?? planOverlayBindings(input);
  return {
    counters: [pod, outer, inner],
    sets: [...nodes, ...setsOf(bindings)],
    arrivalRules: planArrival(input),
    departureRules: planDeparture(input),
    chains: [
      planSending(input),
      planReceiving(input),
      ...(input.devices.length === 0 ? [] : [planUnwrapped(input, bindings)]),
    ],
  };
}

function setsOf({ senders, sources }: OverlayBindings): readonly NftSet[] {
  return [...senders, ...sources.map(({ set }) => set)];
}

function drop(counter: string): string {
  return `counter name "${counter}" drop`;
}

/** What the sets hold for one node, each of whose addresses may be where its packets come from. */
export function listOverlayElements(
  node: OverlayNode,
): readonly { readonly set: string; readonly element: string }[] {
  const bindings = planOverlayBindings({ ownAddresses: [], nodes: [node] });
  const sets = [...FAMILIES.map((family) => planNodes(family, { nodes: [node] })), ...setsOf(bindings)];
  return sets.flatMap(({ name, elements }) => elements.map((element) => ({ set: name, element })));
}

function planNodes(family: Family, { nodes }: Pick<OverlayGuardInput, "nodes">): NftSet {
  const addresses = nodes.flatMap((node) => node.addresses.filter((address) => familyOf(address) === family));
  return {
    name: `nodes${family}`,
    type: addressType(family),
    values: undefined,
    isInterval: false,
    elements: [...new Set(addresses)],
  };
}

/**
 * Ends the chain for what does not go to the overlay's port: one comparison for nearly every packet, whatever
 * its protocol.
 */
function otherPorts(port: number): NftChain["rules"] {
  return [
    { name: "other-port", text: `th dport != ${port} accept` },
    { name: "not-udp", text: "meta l4proto != 17 accept" },
  ];
}

/**
 * What is translated to a node's port came from somebody who is no node, and leaves under this node's
 * address. Pods are known by the bridge: what a VXLAN device has wrapped for the wire comes from that device
 * here (ip_output of net/ipv4/ip_output.c), as if it had come in by it.
 */
function planSending({ bridge, port }: OverlayGuardInput): NftChain {
  return {
    name: "overlay-postrouting",
    type: "filter",
    hook: "postrouting",
    priority: PRIORITY_POSTROUTING,
    rules: [
      ...otherPorts(port),
      // What this node wraps, and nothing translates.
      { name: "wrapped", text: `ct state untracked iifname != "${bridge}" accept` },
      ...FAMILIES.flatMap((family) => {
        const isFamily = `meta nfproto ipv${family}`;
        const toNode = `${keywordOf(family)} daddr @nodes${family} ${drop(OVERLAY_COUNTERS.pod)}`;
        return [
          { name: `pods${family}`, text: `${isFamily} iifname "${bridge}" ${toNode}` },
          { name: `translated${family}`, text: `${isFamily} ct status dnat ${toNode}` },
        ];
      }),
    ],
  };
}

/**
 * A node is reached where a route leads back to it, or where this node's own address is: with several
 * uplinks, packets may come in by the one and answers go out by the other. The own address is asked first: it
 * is one look-up among local addresses, and ends the rule for nearly every packet. Kernels before 5.19 look
 * for a route back in prerouting only (be8be04e5ddb, netfilter: nft_fib: reverse path filter for policy-based
 * routing on iif).
 *
 * The overlay needs no connection tracking: packets in it are tracked when they come out. Without this, each
 * connection of a pod has two entries more in the tables of both nodes, since its packets go from a source
 * port of their own each way (RFC 7348 section 5). Nobody asks here whether the other side is a node: what
 * comes in is asked once, with its inner source, by {@link planReceiving}. What is too short to have a number
 * is dropped there.
 */
function planArrival({ port, vni, ownAddresses }: OverlayGuardInput): NftChain["rules"] {
  const isElsewhere = "fib daddr . iif type != local fib saddr . iif oif missing fib daddr type local";
  return [
    ...otherPorts(port),
    { name: "other-network", text: `${VNI} != ${vniValue(vni)} accept` },
    { name: "overlay-arrival", text: `${isElsewhere} ${drop(OVERLAY_COUNTERS.outer)}` },
    ...ownAddresses.map((address) => {
      return {
        name: `untracked-${address}`,
        text: `${keywordOf(familyOf(address))} daddr ${address} notrack`,
      };
    }),
  ];
}

/** The same for what leaves. */
function planDeparture({ port, vni }: OverlayGuardInput): NftChain["rules"] {
  const text = `th dport ${port} meta l4proto 17 ${VNI} == ${vniValue(vni)} notrack accept`;
  return [{ name: "untracked", text }];
}

/**
 * What comes out of a VXLAN device must have been let in, and its source must be one of the node that sent
 * it. A packet keeps its priority inside the device, and nobody gives one to what arrives: it names the
 * sender. Only here each packet is seen alone. Links between virtual machines or containers hand several
 * datagrams over as one, where the sender has them cut (UDP segmentation), and rules see the first of them.
 * They have the outer source in common, and nothing else. Fragments are judged one by one, too: put together
 * they would pass as the first one.
 */
function planUnwrapped({ bridge, devices }: OverlayGuardInput, { sources }: OverlayBindings): NftChain {
  const { outer, inner } = OVERLAY_COUNTERS;
  const isOther = devices.map((device) => `iifname != "${device}"`).join(" ");
  const rules = [
    { name: "not-ours", text: `iifgroup != ${LINK_GROUP} accept` },
    // A number is cheaper to ask than a name, and what was let in has one.
    { name: "pods", text: `meta priority none iifname "${bridge}" accept` },
    ...sources.map(({ set, text }) => ({ name: set.name, text: `${text} meta priority set none accept` })),
    { name: "not-unwrapped", text: `${isOther} accept` },
    { name: "not-let-in", text: `meta priority none ${drop(outer)}` },
    { name: "inner", text: drop(inner) },
  ];
  const priority = PRIORITY_BEFORE_DEFRAGMENTATION;
  return { name: "overlay-unwrapped", type: "filter", hook: "prerouting", priority, rules, isLast: true };
}

function planReceiving({ port, vni, ownAddresses }: OverlayGuardInput): NftChain {
  const { pod, outer, inner } = OVERLAY_COUNTERS;
  return {
    name: RECEIVING_CHAIN,
    type: "filter",
    hook: "input",
    priority: PRIORITY_INPUT,
    rules: [
      ...otherPorts(port),
      { name: "pods", text: `iifgroup ${LINK_GROUP} ${drop(pod)}` },
      // What is too short to have a number matches nothing, and is dropped in the end.
      { name: "other-network", text: `${VNI} != ${vniValue(vni)} accept` },
      { name: "translated", text: `ct status dnat ${drop(outer)}` },
      ...FAMILIES.flatMap((family) => {
        const own = ownAddresses.filter((address) => familyOf(address) === family);
        if (own.length === 0) return [];
        const isElsewhere = own.map((address) => `${keywordOf(family)} daddr != ${address}`).join(" ");
        const text = `${isElsewhere} ${drop(outer)}`;
        return [{ name: `own${family}`, text }];
      }),
      ...FAMILIES.flatMap((family) => {
        const sender = `${keywordOf(family)} saddr map @${sendersName(family)}`;
        return FAMILIES.map((inside) => {
          const text = `${INNER_IP[inside]} meta priority set ${sender} accept`;
          return { name: `senders${family}-${inside}`, text };
        });
      }),
      ...FAMILIES.map((family) => {
        const text = `${keywordOf(family)} saddr != @nodes${family} ${drop(outer)}`;
        return { name: `nodes${family}`, text };
      }),
      { name: "inner", text: drop(inner) },
    ],
  };
}
