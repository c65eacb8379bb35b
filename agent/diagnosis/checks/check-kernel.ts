import {
  describeFeature,
  isNeeded,
  KERNEL_FEATURES,
  type KernelFeature,
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
  /** What of nftables it did not accept when it was tried; undefined: it could not be tried here. */
  readonly refused: readonly KernelFeature[] | undefined;
  /** Whether the agent masquerades what pods send out of the cluster, or may, where it does not tell. */
  readonly masquerades: boolean;
}

const NAME = "kernel";
const OLDEST: readonly [number, number] = [5, 10];

/** Whether the kernel is new enough and has what the agent asks of it. */
export function checkKernel(observation: KernelObservation): readonly Finding[] {
  const { release, config, refused, masquerades } = observation;
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return [{ name: NAME, verdict: "fail", evidence: `Linux ${release} is older than ${OLDEST.join(".")}` }];
  const told =
    config === undefined
      ? []
      : KERNEL_FEATURES.flatMap((feature) => checkFeature(feature, config, observation));
  if (told.length > 0) return told;
  if (refused !== undefined && refused.length > 0)
    return refused.map((feature) => ({
      name: NAME,
      verdict: isNeeded(feature, masquerades) ? "fail" : "warn",
      evidence: `Linux ${release} has no ${describeFeature(feature)}: it was tried`,
      remedy: modulesCommand(release),
    }));
  if (config !== undefined)
    return [{ name: NAME, verdict: "ok", evidence: `Linux ${release} has all that is needed` }];
  const unread = `what else it was built with cannot be read here (no /proc/config.gz, no /boot/config-${release})`;
  if (refused === undefined)
    return [{ name: NAME, verdict: "info", evidence: `Linux ${release}; ${unread.replace(" else", "")}` }];
  return [
    { name: NAME, verdict: "ok", evidence: `Linux ${release} accepts what is asked of nftables; ${unread}` },
  ];
}

function checkFeature(
  feature: KernelFeature,
  config: string,
  { release, loaded, modules, masquerades }: KernelObservation,
): Finding[] {
  const { option, module, use, isElseBuiltIn = false } = feature;
  const setting = new RegExp(`^CONFIG_${option}=([ym])$`, "m").exec(config)?.[1];
  const verdict = isNeeded(feature, masquerades) ? "fail" : "warn";
  if (setting === undefined && isElseBuiltIn) return [];
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
      remedy: modulesCommand(release),
    },
  ];
}
