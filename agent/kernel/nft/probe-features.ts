import { release } from "node:os";
import { mayBeUnknown } from "../../netlink/message/netlink-error.ts";
import {
  describeMissing,
  FAST_PATH_FEATURES,
  judgeRefused,
  KERNEL_FEATURES,
  type KernelFeature,
  TABLES_FEATURE,
} from "../../plan/node/kernel-features.ts";
import { tryFeaturesApart } from "../features/try-features.ts";
import { loadNative } from "../socket/native.ts";
import { runNft } from "./run-nft.ts";

/**
 * What of nftables this kernel has not, of all that can be tried or of what some rules need: `nft --check`
 * tries it, which changes no ruleset, and for which the kernel loads its modules as for the rules themselves.
 * Most kernels have all, which one nft says; else each feature is tried. Needs no /boot and no /lib/modules.
 * Undefined when nothing works although the kernel has nf_tables, as without CAP_NET_ADMIN: then nothing is
 * told.
 */
export async function findMissingFeatures(
  rules?: "node" | "policies",
): Promise<readonly KernelFeature[] | undefined> {
  const asked = KERNEL_FEATURES.filter((feature) => rules === undefined || feature.rules?.includes(rules));
  return findMissing(asked);
}

/** Throws an error that names what the kernel lacks of what the rules need; `cause`, where it lacks nothing. */
export async function throwNamed(what: string, rules: "node" | "policies", cause: unknown): Promise<never> {
  // Asked only after a failure: the kernel's own words and nft's are the same whatever it does not know.
  const missing = (await findMissingFeatures(rules)) ?? [];
  if (missing.length === 0) throw cause;
  throw new Error(`Cannot ${what}: ${describeMissing(release(), missing)}`, { cause });
}

/** The same of an error of netlink that can mean it; any other one, as nft's, is thrown as it is. */
export function nameMissing(what: string, rules: "node" | "policies"): (cause: unknown) => Promise<never> {
  return (cause) => (mayBeUnknown(cause) ? throwNamed(what, rules, cause) : Promise.reject(cause));
}

async function findMissing(asked: readonly KernelFeature[]): Promise<readonly KernelFeature[] | undefined> {
  const tried = asked.filter(({ probe }) => typeof probe === "string");
  if (await isAccepted(tried.map(commandsOf).join("\n"))) return [];
  const refused: KernelFeature[] = [];
  for (const [index, feature] of tried.entries())
    if (!(await isAccepted(commandsOf(feature, index)))) refused.push(feature);
  return refused.length === tried.length ? findWhole() : judgeRefused(tried, refused);
}

/** Whether it is nftables as a whole that the kernel has not. */
async function findWhole(): Promise<readonly KernelFeature[] | undefined> {
  const whole = [TABLES_FEATURE];
  const { refused } = await tryFeaturesApart(loadNative(), whole);
  return refused.length === 0 ? undefined : judgeRefused(whole, refused);
}

/** In a table of its own, so that all can be tried at once. */
function commandsOf({ probe }: KernelFeature, index: number): string {
  return typeof probe === "string" ? probe.replaceAll("causeway-probe", `causeway-probe-${index}`) : "";
}

function isAccepted(commands: string): Promise<boolean> {
  return runNft(["--check", "--file", "-"], `${commands}\n`).then(
    () => true,
    () => false,
  );
}

/** Of the kernels that the suite of guests has; ports of a bridge need 5.13. */
const OLDEST_FAST_PATH = [6, 1] as const;

/** See {@link Kernel.findFastPathFault}. */
export async function findFastPathFault(): Promise<string | undefined> {
  const name = release();
  const [major = 0, minor = 0] = name.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_FAST_PATH;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
    return `Linux ${name} is older than ${oldestMajor}.${oldestMinor}, the oldest on which it is tested`;
  const missing = (await findMissing(FAST_PATH_FEATURES)) ?? FAST_PATH_FEATURES.slice(0, 1);
  return missing.length === 0 ? undefined : describeMissing(name, missing);
}
