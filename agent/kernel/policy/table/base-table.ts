import {
  NF_INET_LOCAL_IN,
  NF_INET_POST_ROUTING,
  NFPROTO_INET,
  NFT_CT_MARK,
  NFT_CT_STATE,
  NFT_META_IIF,
  NFT_META_L4PROTO,
  NFT_META_SKUID,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  RTN_LOCAL,
} from "../../../netlink/constants.ts";
import type { Attribute } from "../../../netlink/message/attributes.ts";
import { u32Bytes } from "../../../netlink/message/host-order.ts";
import type { NftTableKey } from "../../../netlink/nft/nft-objects.ts";
import type { SetDeclaration } from "../../../netlink/nft/table/nft-declarations.ts";
import {
  compare,
  counter,
  ct,
  lookUp,
  lookUpVerdict,
  maskBits,
  meta,
  payload,
  sourceType,
  verdict,
} from "../../../netlink/nft/table/nft-expressions.ts";
import { addressType } from "../../../plan/nft/nft-family.ts";
import { POLICY_TABLE_NAME } from "../../../plan/nft/nft-table.ts";
import { POD_MAPS, podMapOf } from "../../../plan/policy/compile/policy-table.ts";
import { selfSpec } from "../../../plan/policy/compile/table-sets.ts";
import { type ChainPlan, ruleOf } from "./chain-rules.ts";
import { address, addressPair, isOfFamily } from "./packet-fields.ts";
import { markOf, type PolicyOptions } from "../policy-options.ts";

/** Nobody lists it with nft: that would take a minute with all elements of a large cluster. */
export const POLICY_TABLE: NftTableKey = { family: NFPROTO_INET, table: POLICY_TABLE_NAME };

/**
 * Behind every translation of destinations, before that of sources at 100; and behind what others filter at
 * 0.
 */
const PRIORITY = 90;

/** NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED (linux/netfilter/nf_conntrack_common.h). */
const ESTABLISHED_OR_RELATED = 0x2 | 0x4;

const IPPROTO_ICMPV6 = 58;

/**
 * Multicast listeners (RFC 2710) and neighbour discovery (RFC 4861) have numbers in a row; the second version
 * of the former (RFC 3810) has this.
 */
const [FIRST_LOCAL_TYPE, LAST_LOCAL_TYPE, LISTENER_REPORT_V2] = [130, 137, 143] as const;

/** Router solicitation: the first of neighbour discovery. */
const FIRST_DISCOVERY_TYPE = 133;

/** hop_limit of struct ipv6hdr (linux/ipv6.h), and what neighbour discovery has there (RFC 4861). */
const [HOP_LIMIT_OFFSET, MAX_HOP_LIMIT] = [7, 255];

const FAMILIES = [4, 6] as const;

/** Sets that every table has, whether policies need them or not: rules of the base chains look into them. */
export function baseSets(): readonly SetDeclaration[] {
  return [
    ...POD_MAPS.map((name): SetDeclaration => {
      return { name, type: addressType(name.endsWith("4") ? 4 : 6), isInterval: false, isVerdictMap: true };
    }),
    ...FAMILIES.map((family) => ({ ...selfSpec(family), isVerdictMap: false })),
  ];
}

/** The chains that packets meet by themselves, and where these lead to. */
export function baseChains(options: PolicyOptions): readonly ChainPlan[] {
  const accept = verdict({ kind: "accept" });
  const all = (chain: string): readonly (readonly Attribute[])[] => [
    [ct(NFT_CT_MARK), maskBits(u32Bytes(markOf(options))), compare("!=", u32Bytes(0)), ...dropped()],
    [ct(NFT_CT_STATE), maskBits(u32Bytes(ESTABLISHED_OR_RELATED)), compare("!=", u32Bytes(0)), accept],
    ...(chain === "pods" ? fromNode(accept) : []),
    ...FAMILIES.map((family) => [
      ...isOfFamily(family),
      verdict({ kind: "goto", chain: `${chain}${family}` }),
    ]),
  ];
  const forwarded = FAMILIES.map((family) =>
    chainOf(`pods${family}`, [
      ...(family === 6 ? [[...ownDiscovery(), accept]] : []),
      [...addressPair(family), lookUp(selfSpec(family).name), accept],
      [...address(family, "source"), lookUpVerdict(podMapOf("egress", family))],
      [...address(family, "destination"), lookUpVerdict(podMapOf("ingress", family))],
    ]),
  );
  const postrouting = {
    ...chainOf("postrouting", all("pods")),
    hook: { number: NF_INET_POST_ROUTING, priority: PRIORITY },
  };
  if (options.toOwnNode === "allow") return [...forwarded, postrouting];
  const toNode = FAMILIES.map((family) =>
    chainOf(`node${family}`, [
      ...(family === 6 ? localRules(accept) : []),
      [...address(family, "source"), lookUpVerdict(podMapOf("egress", family))],
    ]),
  );
  const input = {
    ...chainOf("input", all("node")),
    hook: { number: NF_INET_LOCAL_IN, priority: PRIORITY },
  };
  return [...forwarded, postrouting, ...toNode, input];
}

/**
 * What the node itself sends: by a program's socket, which the user's load needs, or from one of its
 * addresses, as sockets of the kernel's own do, and resets and errors that no socket sends. br_netfilter
 * hides the link of bridged packets of pods, too.
 */
function fromNode(accept: Attribute): readonly (readonly Attribute[])[] {
  const hasNoLink = [meta(NFT_META_IIF), compare("==", u32Bytes(0))];
  return [
    [...hasNoLink, meta(NFT_META_SKUID), accept],
    [...hasNoLink, sourceType(), compare("==", u32Bytes(RTN_LOCAL)), accept],
  ];
}

function chainOf(name: string, rules: readonly (readonly Attribute[])[]): ChainPlan {
  return { name, rules: rules.map((expressions) => ruleOf(name, expressions)) };
}

function dropped(): readonly Attribute[] {
  return [counter(), verdict({ kind: "drop" })];
}

function is(operator: "==" | "<=" | ">=", value: number): Attribute {
  return compare(operator, Uint8Array.of(value));
}

/** Loads the type of an ICMPv6 message; the rule ends at others. */
function icmpv6Type(): readonly Attribute[] {
  const type = payload({ base: NFT_PAYLOAD_TRANSPORT_HEADER, offset: 0, length: 1 });
  return [meta(NFT_META_L4PROTO), is("==", IPPROTO_ICMPV6), type];
}

/** ICMPv6 without which a link does not work. */
function localRules(accept: Attribute): readonly (readonly Attribute[])[] {
  return [
    [...icmpv6Type(), is(">=", FIRST_LOCAL_TYPE), is("<=", LAST_LOCAL_TYPE), accept],
    [...icmpv6Type(), is("==", LISTENER_REPORT_V2), accept],
  ];
}

/**
 * Neighbour discovery that the node itself sends: the kernel takes the link that it goes out by for one that
 * it came in by (ip6_output of net/ipv6/ip6_output.c). What another pod sends has been forwarded, and its hop
 * limit is not 255 any more.
 */
function ownDiscovery(): readonly Attribute[] {
  const hopLimit = payload({ base: NFT_PAYLOAD_NETWORK_HEADER, offset: HOP_LIMIT_OFFSET, length: 1 });
  return [
    ...icmpv6Type(),
    is(">=", FIRST_DISCOVERY_TYPE),
    is("<=", LAST_LOCAL_TYPE),
    hopLimit,
    is("==", MAX_HOP_LIMIT),
  ];
}
