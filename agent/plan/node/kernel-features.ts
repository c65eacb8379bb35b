/** What the kernel is asked for by netlink, under the kernel's own names. */
export type NetlinkProbe =
  | { readonly kind: "link" | "qdisc" | "action"; readonly name: string }
  | { readonly kind: "sockets"; readonly protocol: "tcp" | "udp" }
  | { readonly kind: "policies" | "connections" };

/** Something that Causeway needs of the kernel. */
export interface KernelFeature {
  /** Without CONFIG_. */
  readonly option: string;
  /** Undefined: it is never a module of its own. */
  readonly module?: string;
  /** What it is needed for. */
  readonly use: string;
  /** Not everybody needs it. */
  readonly isOptional?: true | "without masquerade";
  /**
   * Commands of nft that the kernel accepts only if it has this, all that come before in {@link
   * KERNEL_FEATURES}, and no more. Or a question by netlink. Undefined: only who uses it learns whether it is
   * there.
   */
  readonly probe?: string | NetlinkProbe;
  /** With its module links come (ifb0, ifb1): who only looks asks for none that is not loaded. */
  readonly bringsLinks?: true;
}

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

const LIMITS = "bandwidth limits";
const LISTENERS = "refusing a host port that a program of the node has";

const INET = "add table inet causeway-probe";

/** A chain of the family inet with one rule. */
function probeOf(type: "filter" | "nat", hook: string, rule: string): string {
  const chain = `add chain inet causeway-probe c { type ${type} hook ${hook} priority 0; }`;
  return [INET, chain, `add rule inet causeway-probe c ${rule}`].join("\n");
}

/** The kernel asks for a filter's module (cls_u32) only where a link has a qdisc to hold it. */
export const LIMIT_FEATURES: readonly KernelFeature[] = [
  {
    option: "NET_SCH_TBF",
    module: "sch_tbf",
    use: LIMITS,
    isOptional: true,
    probe: { kind: "qdisc", name: "tbf" },
  },
  {
    option: "NET_SCH_INGRESS",
    module: "sch_ingress",
    use: LIMITS,
    isOptional: true,
    probe: { kind: "qdisc", name: "ingress" },
  },
  {
    option: "IFB",
    module: "ifb",
    use: LIMITS,
    isOptional: true,
    probe: { kind: "link", name: "ifb" },
    bringsLinks: true,
  },
  { option: "NET_CLS_U32", module: "cls_u32", use: LIMITS, isOptional: true },
  {
    option: "NET_ACT_MIRRED",
    module: "act_mirred",
    use: LIMITS,
    isOptional: true,
    probe: { kind: "action", name: "mirred" },
  },
];

export const KERNEL_FEATURES: readonly KernelFeature[] = [
  {
    option: "BRIDGE",
    module: "bridge",
    use: "the bridge of pods",
    probe: { kind: "link", name: "bridge" },
  },
  { option: "VETH", module: "veth", use: "the links of pods", probe: { kind: "link", name: "veth" } },
  {
    option: "NF_TABLES",
    module: "nf_tables",
    use: "masquerade and host ports",
    probe: "add table ip causeway-probe",
  },
  { option: "NF_TABLES_INET", use: "masquerade and host ports", probe: INET },
  {
    option: "NF_TABLES_BRIDGE",
    use: "the bridge guard",
    probe: "add table bridge causeway-probe",
  },
  {
    option: "NFT_NAT",
    module: "nft_chain_nat",
    use: "masquerade and host ports",
    isOptional: "without masquerade",
    probe: probeOf("nat", "prerouting", "accept"),
  },
  {
    option: "NFT_NAT",
    module: "nft_nat",
    use: "host ports",
    isOptional: true,
    probe: probeOf("nat", "prerouting", "tcp dport 1 dnat ip to 192.0.2.1"),
  },
  {
    option: "NFT_MASQ",
    module: "nft_masq",
    use: "masquerade and host ports",
    isOptional: "without masquerade",
    probe: probeOf("nat", "postrouting", "masquerade"),
  },
  {
    option: "NFT_FIB_INET",
    module: "nft_fib_inet",
    use: "host ports and the guard of the overlay",
    probe: probeOf("filter", "prerouting", "fib daddr type local"),
  },
  {
    option: "NFT_CT",
    module: "nft_ct",
    use: "the guard of the overlay",
    probe: probeOf("filter", "prerouting", "ct status dnat"),
  },
  CONNECTION_FEATURE,
  VXLAN_FEATURE,
  ...LIMIT_FEATURES,
  {
    option: "INET_TCP_DIAG",
    module: "tcp_diag",
    use: LISTENERS,
    isOptional: true,
    probe: { kind: "sockets", protocol: "tcp" },
  },
  {
    option: "INET_UDP_DIAG",
    module: "udp_diag",
    use: LISTENERS,
    isOptional: true,
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

/** Whether a node whose kernel lacks the feature has no network. */
export function isNeeded({ isOptional }: KernelFeature, masquerades: boolean): boolean {
  return isOptional === undefined || (isOptional === "without masquerade" && masquerades);
}

/** As in "module nft_nat (CONFIG_NFT_NAT), which is needed for host ports". */
export function describeFeature({ option, module, use }: KernelFeature): string {
  const name = module === undefined ? `CONFIG_${option}` : `module ${module} (CONFIG_${option})`;
  return `${name}, which is needed for ${use}`;
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

function remedyFor(release: string): string {
  const command = modulesCommand(release);
  return command === undefined ? "" : `; try "${command}"`;
}

/**
 * The command that installs what a distribution keeps apart from its kernel, told by the kernel's name
 * (`uname -r`), since files may be an image's; undefined where there is no such package.
 */
export function modulesCommand(release: string): string | undefined {
  if (/^[\d.]+-\d+-(generic|lowlatency|aws|azure|gcp|gke|ibm|kvm|oracle)/.test(release))
    return `apt-get install --yes linux-modules-extra-${release}`;
  if (/\.(el|fc)\d+/.test(release)) return `dnf install --assumeyes kernel-modules-extra-${release}`;
  return undefined;
}
