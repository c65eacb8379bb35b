import { KERNEL_FEATURES, type KernelFeature } from "../../plan/node/kernel-features.ts";
import { runNft } from "./run-nft.ts";

/**
 * What of nftables this kernel has not: each feature is tried by `nft --check`, which changes no ruleset, and
 * for which the kernel loads its modules as for the rules themselves. Needs neither /boot nor /lib/modules.
 * Undefined when nothing works, as without CAP_NET_ADMIN: then nothing is told.
 */
export async function findMissingFeatures(): Promise<readonly KernelFeature[] | undefined> {
  const missing: KernelFeature[] = [];
  let tried = 0;
  for (const feature of KERNEL_FEATURES) {
    if (feature.probe === undefined) continue;
    tried += 1;
    if (!(await isAccepted(feature.probe))) missing.push(feature);
  }
  return missing.length === tried ? undefined : missing;
}

function isAccepted(commands: string): Promise<boolean> {
  return runNft(["--check", "--file", "-"], `${commands}\n`).then(
    () => true,
    () => false,
  );
}
