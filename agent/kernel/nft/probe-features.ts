import { KERNEL_FEATURES, type KernelFeature } from "../../plan/node/kernel-features.ts";
import { runNft } from "./run-nft.ts";

/** What features are tried with, each in tables of its own, so that all can be tried at once. */
const PROBES = KERNEL_FEATURES.flatMap((feature, index) =>
  feature.probe === undefined
    ? []
    : { feature, commands: feature.probe.replaceAll("causeway-probe", `causeway-probe-${index}`) },
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
