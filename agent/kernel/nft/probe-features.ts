import { release } from "node:os";
import { describeMissing, KERNEL_FEATURES, type KernelFeature } from "../../plan/node/kernel-features.ts";
import { runNft } from "./run-nft.ts";

/** What features are tried with, each in tables of its own, so that all can be tried at once. */
const PROBES = KERNEL_FEATURES.flatMap((feature, index) =>
  typeof feature.probe === "string"
    ? { feature, commands: feature.probe.replaceAll("causeway-probe", `causeway-probe-${index}`) }
    : [],
);

/**
 * What of nftables this kernel has not: `nft --check` tries it, which changes no ruleset, and for which the
 * kernel loads its modules as for the rules themselves. Most kernels have all, which one nft says; else each
 * feature is tried. Needs neither /boot nor /lib/modules. Undefined when nothing works, as without
 * CAP_NET_ADMIN: then nothing is told.
 */
export async function findMissingFeatures(): Promise<readonly KernelFeature[] | undefined> {
  if (await isAccepted(PROBES.map(({ commands }) => commands).join("\n"))) return [];
  const missing: KernelFeature[] = [];
  for (const { feature, commands } of PROBES) if (!(await isAccepted(commands))) missing.push(feature);
  return missing.length === PROBES.length ? undefined : missing;
}

function isAccepted(commands: string): Promise<boolean> {
  return runNft(["--check", "--file", "-"], `${commands}\n`).then(
    () => true,
    () => false,
  );
}

/** Of the kernels that the suite of guests has; ports of a bridge need 5.13. */
const OLDEST_FAST_PATH = [6, 1] as const;

/** What is asked of a kernel for a fast path, in a table of its own. */
const FLOW_TABLE = [
  "add table inet causeway-probe",
  "add flowtable inet causeway-probe f { hook ingress priority 0; }",
  "add chain inet causeway-probe c { type filter hook forward priority 0; }",
  "add rule inet causeway-probe c ct state established flow add @f",
].join("\n");

/** See {@link Kernel.findFastPathFault}. */
export async function findFastPathFault(): Promise<string | undefined> {
  const name = release();
  const [major = 0, minor = 0] = name.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_FAST_PATH;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
    return `Linux ${name} is older than ${oldestMajor}.${oldestMinor}, the oldest on which it is tested`;
  if (await isAccepted(FLOW_TABLE)) return undefined;
  return describeMissing(name, [
    { option: "NFT_FLOW_OFFLOAD", module: "nft_flow_offload", use: "the fast path" },
  ]);
}
