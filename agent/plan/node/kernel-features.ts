import { remedyFor } from "./module-packages.ts";

/** What the kernel is asked for by netlink, under the kernel's own names. */
export type NetlinkProbe =
  | { readonly kind: "link" | "qdisc" | "action"; readonly name: string }
  | { readonly kind: "sockets"; readonly protocol: "tcp" | "udp" }
  | { readonly kind: "policies" | "connections" | "rulesets" };

/** What the rules are for that ask for a feature. */
type Rules = "node" | "policies" | "fast path";

/** Something that Causeway needs of the kernel. */
export interface KernelFeature {
  /** Without CONFIG_. */
  readonly option: string;
  /** Undefined: it is never a module of its own. */
  readonly module?: string;
  /** What it is needed for. */
  readonly use: string;
  /** Not everybody needs it. */
  readonly isOptional?: true | "without masquerade" | "without overlay";
  /** A kernel whose configuration does not say so has it nevertheless, within nf_tables. */
  readonly isElseBuiltIn?: true;
  /**
   * Commands of nft that the kernel accepts only if it has this and what it needs (see `needs`), beside the
   * tables and hooks of nf_tables itself. Or a question by netlink. Undefined: only who uses it learns
   * whether it is there.
   */
  readonly probe?: string | NetlinkProbe;
  /** Modules, or options that are none, without which this one, or its probe, does not work. */
  readonly needs?: readonly string[];
  /** Whose rules need it; only where there is a probe. */
  readonly rules?: readonly Rules[];
  /** Of what was tried: those that it needs and of which nothing shows that they are there. */
  readonly suspects?: readonly string[];
  /** With its module links come (ifb0, ifb1): who only looks asks for none that is not loaded. */
  readonly bringsLinks?: true;
}

/** Nothing of nftables works without. */
export const TABLES_FEATURE: KernelFeature = {
  option: "NF_TABLES",
  module: "nf_tables",
  use: "all rules",
  needs: ["nfnetlink"],
  probe: { kind: "rulesets" },
};

/** Netlink tells of tracked connections, marks and deletes them. */
export const CONNECTION_FEATURE: KernelFeature = {
  option: "NF_CT_NETLINK",
  module: "nf_conntrack_netlink",
  use: "ending connections that policies forbid, and those of former pods and host ports",
  isOptional: true,
  probe: { kind: "connections" },
};

export const VXLAN_FEATURE: KernelFeature = {
  option: "VXLAN",
  module: "vxlan",
  use: "nodes on other subnets",
  isOptional: true,
  probe: { kind: "link", name: "vxlan" },
};

/** Not among {@link KERNEL_FEATURES}: nodes that encrypt nothing do without, and the others say so. */
export const WIREGUARD_FEATURE: KernelFeature = {
  option: "WIREGUARD",
  module: "wireguard",
  use: "encryption",
};

const LIMITS = "bandwidth limits";
const LIMIT = { use: LIMITS, isOptional: true } as const;
const LISTENERS = { use: "refusing a host port that a program of the node has", isOptional: true } as const;

const POLICIES = "network policies";
const MASQUERADE = "masquerade and host ports";

const INET = "add table inet causeway-probe";
const BRIDGE = "add table bridge causeway-probe";
const COUNTER = "add counter inet causeway-probe n";

const NODE = { rules: ["node"] } as const;
const ALL = { rules: ["node", "policies"] } as const;
const POLICY = { rules: ["policies"], use: POLICIES, isOptional: true } as const;
const NAT = { ...NODE, needs: ["nf_nat", "nf_conntrack"] } as const;

interface ProbePlace {
  readonly family?: "inet" | "bridge";
  readonly hook?: string;
}

/** A rule in a chain of no hook, whose place nothing judges, which needs less of the kernel; or of a hook. */
function ruleProbe(rule: string, { family = "inet", hook }: ProbePlace = {}): string {
  const chain = `${family} causeway-probe c`;
  const hooked = hook === undefined ? "" : ` { type ${hook} priority 0; }`;
  return [
    `add table ${family} causeway-probe`,
    `add chain ${chain}${hooked}`,
    `add rule ${chain} ${rule}`,
  ].join("\n");
}

/** Gives logged packets to who binds a group. */
export const LOG_FEATURE: KernelFeature = {
  ...POLICY,
  option: "NETFILTER_NETLINK_LOG",
  module: "nfnetlink_log",
  needs: ["nft_log"],
  probe: ruleProbe("log group 1"),
};

/** The kernel asks for a filter's module (cls_u32) only where a link has a qdisc to hold it. */
export const LIMIT_FEATURES: readonly KernelFeature[] = [
  {
    ...LIMIT,
    option: "NET_SCH_TBF",
    module: "sch_tbf",
    probe: { kind: "qdisc", name: "tbf" },
  },
  {
    ...LIMIT,
    option: "NET_SCH_INGRESS",
    module: "sch_ingress",
    probe: { kind: "qdisc", name: "ingress" },
  },
  {
    ...LIMIT,
    option: "IFB",
    module: "ifb",
    probe: { kind: "link", name: "ifb" },
    bringsLinks: true,
  },
  { ...LIMIT, option: "NET_CLS_U32", module: "cls_u32" },
  {
    ...LIMIT,
    option: "NET_ACT_MIRRED",
    module: "act_mirred",
    probe: { kind: "action", name: "mirred" },
  },
];

/** Kinds of links without which there are no pods. */
export const LINK_FEATURES: readonly KernelFeature[] = [
  {
    option: "BRIDGE",
    module: "bridge",
    use: "the bridge of pods",
    probe: { kind: "link", name: "bridge" },
  },
  { option: "VETH", module: "veth", use: "the links of pods", probe: { kind: "link", name: "veth" } },
];

/** In their order: what needs something stands behind that. */
export const KERNEL_FEATURES: readonly KernelFeature[] = [
  ...LINK_FEATURES,
  TABLES_FEATURE,
  { ...ALL, option: "NF_TABLES_INET", use: MASQUERADE, probe: INET },
  { ...NODE, option: "NF_TABLES_BRIDGE", use: "the bridge guard", probe: BRIDGE },
  {
    ...NODE,
    // As a module it takes the place of what nf_tables has itself (nft_meta_select_ops of nft_meta.c).
    option: "NFT_BRIDGE_META",
    module: "nft_meta_bridge",
    needs: ["NF_TABLES_BRIDGE"],
    use: "the bridge guard",
    isElseBuiltIn: true,
    probe: ruleProbe('iifname "lo" accept', { family: "bridge" }),
  },
  {
    ...ALL,
    // A part of nf_tables since Linux 5.18.
    option: "NFT_COUNTER",
    module: "nft_counter",
    use: "counting what is dropped",
    isElseBuiltIn: true,
    probe: [INET, COUNTER].join("\n"),
  },
  {
    ...NODE,
    // A part of nf_tables since Linux 6.2.
    option: "NFT_OBJREF",
    module: "nft_objref",
    use: "counting what is dropped",
    isElseBuiltIn: true,
    needs: ["nft_counter"],
    probe: [INET, COUNTER, ruleProbe('counter name "n"')].join("\n"),
  },
  { option: "NF_CONNTRACK", module: "nf_conntrack", use: "masquerade, host ports and guards" },
  { option: "NF_NAT", module: "nf_nat", use: MASQUERADE, isOptional: "without masquerade" },
  {
    ...NAT,
    option: "NFT_NAT",
    module: "nft_chain_nat",
    use: MASQUERADE,
    isOptional: "without masquerade",
    probe: ruleProbe("accept", { hook: "nat hook prerouting" }),
  },
  {
    ...NAT,
    option: "NFT_NAT",
    module: "nft_nat",
    use: "host ports",
    isOptional: true,
    probe: ruleProbe("tcp dport 1 dnat ip to 192.0.2.1"),
  },
  {
    ...NAT,
    option: "NFT_MASQ",
    module: "nft_masq",
    use: MASQUERADE,
    isOptional: "without masquerade",
    probe: ruleProbe("masquerade"),
  },
  {
    ...ALL,
    option: "NFT_FIB_INET",
    module: "nft_fib_inet",
    use: "host ports and the guard of the overlay",
    isOptional: "without overlay",
    needs: ["nft_fib", "nft_fib_ipv4", "nft_fib_ipv6"],
    probe: ruleProbe("fib daddr type local", { hook: "filter hook prerouting" }),
  },
  {
    ...ALL,
    option: "NFT_CT",
    module: "nft_ct",
    use: "the guard of the overlay",
    needs: ["nf_conntrack"],
    probe: ruleProbe("ct status dnat", { hook: "filter hook prerouting" }),
  },
  { ...POLICY, option: "NF_CONNTRACK_MARK", needs: ["nft_ct"], probe: ruleProbe("ct mark 1") },
  {
    ...POLICY,
    option: "NFT_LIMIT",
    module: "nft_limit",
    probe: ruleProbe("limit rate 1/second"),
  },
  // The level needs no program that takes what is logged.
  { ...POLICY, option: "NFT_LOG", module: "nft_log", probe: ruleProbe("log level audit") },
  LOG_FEATURE,
  CONNECTION_FEATURE,
  VXLAN_FEATURE,
  ...LIMIT_FEATURES,
  {
    ...LISTENERS,
    option: "INET_TCP_DIAG",
    module: "tcp_diag",
    probe: { kind: "sockets", protocol: "tcp" },
  },
  {
    ...LISTENERS,
    option: "INET_UDP_DIAG",
    module: "udp_diag",
    probe: { kind: "sockets", protocol: "udp" },
  },
  {
    option: "XFRM_USER",
    module: "xfrm_user",
    use: "host ports at 127.0.0.1",
    isOptional: true,
    probe: { kind: "policies" },
  },
];

const FAST = { rules: ["fast path"], use: "the fast path" } as const;
const FLOW_TABLE = `${INET}\nadd flowtable inet causeway-probe f { hook ingress priority 0; }`;

/** Who has not asked for it need not hear of it. */
export const FAST_PATH_FEATURES: readonly KernelFeature[] = [
  {
    ...FAST,
    option: "NF_FLOW_TABLE_INET",
    module: "nf_flow_table_inet",
    needs: ["nf_flow_table"],
    probe: FLOW_TABLE,
  },
  {
    ...FAST,
    option: "NFT_FLOW_OFFLOAD",
    module: "nft_flow_offload",
    needs: ["nf_flow_table_inet", "nf_flow_table", "nf_conntrack"],
    probe: [FLOW_TABLE, ruleProbe("flow add @f", { hook: "filter hook forward" })].join("\n"),
  },
];

/** What an agent does that asks for more of the kernel. */
export interface KernelUses {
  /** It masquerades what pods send out of the cluster. */
  readonly masquerade: boolean;
  /** It reaches nodes through the overlay. */
  readonly overlay: boolean;
}

/** Of an agent of which nothing is known. */
export const ALL_USES: KernelUses = { masquerade: true, overlay: true };

/** Whether a node whose kernel lacks the feature has no network. */
export function isNeeded({ isOptional }: KernelFeature, uses: KernelUses): boolean {
  if (isOptional === "without masquerade") return uses.masquerade;
  if (isOptional === "without overlay") return uses.overlay;
  return isOptional === undefined;
}

/**
 * What the kernel lacks, by features that it has refused when all of them were tried: not what only needs
 * another one that it has refused, and with what may be missing instead.
 */
export function judgeRefused(
  tried: readonly KernelFeature[],
  refused: readonly KernelFeature[],
): readonly KernelFeature[] {
  const nameOf = ({ module, option }: KernelFeature): string => module ?? option;
  const lacking = new Set(refused.map(nameOf));
  const working = tried.filter((feature) => !refused.includes(feature));
  const found = new Set(working.flatMap((feature) => (feature.needs ?? []).concat(nameOf(feature))));
  return refused.flatMap((feature) => {
    const { needs = [] } = feature;
    if (needs.some((module) => lacking.has(module))) return [];
    const suspects = needs.filter((module) => !found.has(module));
    return suspects.length === 0 ? feature : { ...feature, suspects };
  });
}

/**
 * As in "module nft_nat (CONFIG_NFT_NAT), which is needed for host ports"; with what it may be in its place,
 * "module nft_nat (CONFIG_NFT_NAT) or nf_nat that it depends on, which …".
 */
export function describeFeature({ option, module, use, suspects = [] }: KernelFeature): string {
  const name = module === undefined ? `CONFIG_${option}` : `module ${module} (CONFIG_${option})`;
  const instead = suspects.length === 0 ? "" : ` or ${suspects.join(" or ")} that it depends on`;
  return `${name}${instead}, which is needed for ${use}`;
}

/**
 * For an error of limits, of which the kernel does not tell which module it is about: what it lacks, as far
 * as that was found by trying; else what may be it.
 */
export function describeLimitModules(release: string, missing: readonly KernelFeature[]): string {
  if (missing.length > 0) return describeMissing(release, missing);
  const modules = LIMIT_FEATURES.map(({ module }) => module);
  return `Linux ${release} must have the modules ${modules.join(", ")} for ${LIMITS}${remedyFor(release)}`;
}

/**
 * As in "Linux 6.8.0 has no module nft_nat (CONFIG_NFT_NAT), which is needed for host ports", with a command
 * that installs it, where there is one.
 */
export function describeMissing(release: string, missing: readonly KernelFeature[]): string {
  return `Linux ${release} has no ${missing.map(describeFeature).join(", no ")}${remedyFor(release)}`;
}
