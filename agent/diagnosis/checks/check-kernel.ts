import type { Finding } from "../finding.ts";

/** What Causeway needs of the kernel, and what for. */
const FEATURES: readonly {
  readonly option: string;
  /** Undefined: it is never a module of its own. */
  readonly module?: string;
  readonly use: string;
  /** Not everybody needs it. */
  readonly isOptional?: true;
}[] = [
  { option: "BRIDGE", module: "bridge", use: "the bridge of pods" },
  { option: "VETH", module: "veth", use: "the links of pods" },
  { option: "NF_TABLES", module: "nf_tables", use: "masquerade and host ports" },
  { option: "NF_TABLES_INET", use: "masquerade and host ports" },
  { option: "NF_TABLES_BRIDGE", use: "the guard of the bridge" },
  { option: "NFT_NAT", module: "nft_nat", use: "host ports" },
  { option: "NFT_MASQ", module: "nft_masq", use: "masquerade" },
  { option: "NFT_FIB_INET", module: "nft_fib_inet", use: "host ports" },
  { option: "VXLAN", module: "vxlan", use: "nodes on other subnets", isOptional: true },
  { option: "NET_SCH_TBF", module: "sch_tbf", use: "bandwidth limits", isOptional: true },
  { option: "NET_SCH_INGRESS", module: "sch_ingress", use: "bandwidth limits", isOptional: true },
  { option: "IFB", module: "ifb", use: "bandwidth limits", isOptional: true },
  { option: "NET_CLS_U32", module: "cls_u32", use: "bandwidth limits", isOptional: true },
  { option: "NET_ACT_MIRRED", module: "act_mirred", use: "bandwidth limits", isOptional: true },
];

export interface KernelObservation {
  /** As in `uname -r`. */
  readonly release: string;
  /** The configuration that the kernel was built with, as text; undefined: it cannot be read here. */
  readonly config: string | undefined;
  /** Names of modules that are loaded. */
  readonly loaded: ReadonlySet<string>;
  /** modules.dep of this kernel, as text; undefined: it cannot be read here. */
  readonly modules: string | undefined;
}

const NAME = "kernel";
const OLDEST: readonly [number, number] = [5, 10];

/** Whether the kernel is new enough and has what the agent asks of it. */
export function checkKernel(observation: KernelObservation): readonly Finding[] {
  const { release, config } = observation;
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return [{ name: NAME, verdict: "fail", evidence: `Linux ${release} is older than ${OLDEST.join(".")}` }];
  if (config === undefined)
    return [
      {
        name: NAME,
        verdict: "info",
        evidence: `Linux ${release}; what it was built with cannot be read here (no /proc/config.gz, no /boot/config-${release})`,
      },
    ];
  const faults = FEATURES.flatMap((feature) => checkFeature(feature, config, observation));
  if (faults.length > 0) return faults;
  return [{ name: NAME, verdict: "ok", evidence: `Linux ${release} has all that is needed` }];
}

function checkFeature(
  { option, module, use, isOptional }: (typeof FEATURES)[number],
  config: string,
  { release, loaded, modules }: KernelObservation,
): Finding[] {
  const setting = new RegExp(`^CONFIG_${option}=([ym])$`, "m").exec(config)?.[1];
  const verdict = isOptional === true ? "warn" : "fail";
  if (setting === undefined)
    return [
      {
        name: NAME,
        verdict,
        evidence: `Linux ${release} was built without CONFIG_${option}, which is needed for ${use}`,
      },
    ];
  if (setting === "y" || module === undefined || loaded.has(module) || modules === undefined) return [];
  if (new RegExp(`/${module.replaceAll("_", "[_-]")}\\.ko`).test(modules)) return [];
  return [
    {
      name: NAME,
      verdict,
      evidence: `module ${module} of Linux ${release} is not installed, which is needed for ${use}`,
      remedy: installCommand(release),
    },
  ];
}

/** Distributions that have some modules in a package of their own, told by the kernel's name: the files here may be an image's. */
function installCommand(release: string): string | undefined {
  if (/^[\d.]+-\d+-(generic|lowlatency|aws|azure|gcp|gke|ibm|kvm|oracle)/.test(release))
    return `apt-get install --yes linux-modules-extra-${release}`;
  if (/\.(el|fc)\d+/.test(release)) return `dnf install --assumeyes kernel-modules-extra-${release}`;
  return undefined;
}
