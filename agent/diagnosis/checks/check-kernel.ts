import {
  describeFeature,
  isNeeded,
  KERNEL_FEATURES,
  type KernelFeature,
  type KernelUses,
} from "../../plan/node/kernel-features.ts";
import { modulesCommand } from "../../plan/node/module-packages.ts";
import type { Finding } from "../finding.ts";

export interface KernelObservation {
  /** As in `uname -r`. */
  readonly release: string;
  /** The configuration that the kernel was built with, as text; undefined: it cannot be read here. */
  readonly config: string | undefined;
  /** Names of modules that are loaded. */
  readonly loaded: ReadonlySet<string>;
  /** modules.dep of this kernel, as text; undefined: it cannot be read here. */
  readonly modules: string | undefined;
  /** modules.builtin of this kernel, as text; undefined: it cannot be read here. */
  readonly builtIn: string | undefined;
  /** What it has not, found by trying. */
  readonly refused: readonly KernelFeature[];
  /** What could not be tried here. */
  readonly untried: readonly KernelFeature[];
  /** What the agent does, or may do, where it does not tell. */
  readonly uses: KernelUses;
}

const NAME = "kernel";
const OLDEST: readonly [number, number] = [5, 10];

/** Whether the kernel is new enough and has what the agent asks of it. */
export function checkKernel(observation: KernelObservation): readonly Finding[] {
  const { release, uses } = observation;
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return [{ name: NAME, verdict: "fail", evidence: `Linux ${release} is older than ${OLDEST.join(".")}` }];
  const lacking = KERNEL_FEATURES.flatMap((feature): Finding[] => {
    const lack = describeLack(feature, observation);
    const verdict = isNeeded(feature, uses) ? "fail" : "warn";
    return lack === undefined ? [] : [{ name: NAME, verdict, ...lack }];
  });
  return lacking.length > 0 ? lacking : [{ name: NAME, ...describeWhole(observation) }];
}

/** Why the kernel has not what is asked; undefined: it has it, or nothing tells. */
function describeLack(
  feature: KernelFeature,
  observation: KernelObservation,
): Pick<Finding, "evidence" | "remedy"> | undefined {
  const { release, config, refused } = observation;
  const { option, module, use, isElseBuiltIn = false } = feature;
  if (config !== undefined && settingOf(option, config) === undefined && !isElseBuiltIn)
    return { evidence: `Linux ${release} was built without CONFIG_${option}, which is needed for ${use}` };
  const remedy = modulesCommand(release);
  if (isInstalled(feature, observation) === false) {
    const evidence = `module ${module} of Linux ${release} is not installed, which is needed for ${use}`;
    return { evidence, remedy };
  }
  const found = refused.find(isSame(feature));
  if (found === undefined) return undefined;
  return { evidence: `Linux ${release} has no ${describeFeature(found)}: it was tried`, remedy };
}

function isSame({ option, module }: KernelFeature): (other: KernelFeature) => boolean {
  return (other) => other.option === option && other.module === module;
}

/** Undefined: it is not set. */
function settingOf(option: string, config: string): string | undefined {
  return new RegExp(`^CONFIG_${option}=([ym])$`, "m").exec(config)?.[1];
}

/** Told by files; undefined: they do not tell. What was tried and found may be of another package. */
function isInstalled(
  feature: KernelFeature,
  { config, loaded, modules, builtIn, refused, untried }: KernelObservation,
): boolean | undefined {
  const { option, module } = feature;
  if (module === undefined) return undefined;
  if (loaded.has(module)) return true;
  const file = new RegExp(`/${module.replaceAll("_", "[_-]")}\\.ko`);
  if (config !== undefined) {
    if (settingOf(option, config) === "y") return true;
    if (modules === undefined || settingOf(option, config) === undefined) return undefined;
    return file.test(modules);
  }
  if (modules !== undefined && file.test(modules)) return true;
  if (builtIn === undefined || modules === undefined) return undefined;
  if (file.test(builtIn)) return true;
  return refused.some(isSame(feature)) || untried.includes(feature) ? false : undefined;
}

/** Of a kernel of which nothing is known to be missing. */
function describeWhole(observation: KernelObservation): Pick<Finding, "verdict" | "evidence"> {
  const { release, config, untried } = observation;
  const all = `Linux ${release} has all that is needed`;
  if (config !== undefined) return { verdict: "ok", evidence: all };
  if (untried.length === 0) return { verdict: "ok", evidence: `${all}: it was tried` };
  const unknown = untried.filter((feature) => isInstalled(feature, observation) !== true);
  if (unknown.length === 0) return { verdict: "ok", evidence: all };
  const unread = `cannot be read here (no /proc/config.gz, no /boot/config-${release})`;
  if (untried.length === KERNEL_FEATURES.length)
    return { verdict: "info", evidence: `Linux ${release}; what it was built with ${unread}` };
  const names = unknown.map(({ option, module = `CONFIG_${option}`, use }) => `${module} (${use})`);
  return {
    verdict: "ok",
    evidence: `Linux ${release} has what could be tried; whether it has ${names.join(", ")} ${unread}`,
  };
}
