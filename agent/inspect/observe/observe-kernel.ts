import { readdir, readFile } from "node:fs/promises";
import { release } from "node:os";
import { gunzipSync } from "node:zlib";
import type { KernelObservation } from "../../diagnosis/checks/check-kernel.ts";
import { type TriedFeatures, tryFeaturesApart } from "../../kernel/features/try-features.ts";
import { findMissingFeatures } from "../../kernel/nft/probe-features.ts";
import { loadNative } from "../../kernel/socket/native.ts";
import { KERNEL_FEATURES, type KernelFeature, type KernelUses } from "../../plan/node/kernel-features.ts";
import { readText } from "../read-proc.ts";

/**
 * What the running kernel was built with, from where the kernel or the distribution tells it, and what it
 * refuses when it is tried.
 */
export async function observeKernel(uses: KernelUses): Promise<KernelObservation> {
  const name = release();
  const packed = await readFile("/proc/config.gz").catch(() => undefined);
  const config =
    packed === undefined
      ? ((await readText(`/boot/config-${name}`)) ?? (await readText(`/lib/modules/${name}/config`)))
      : gunzipSync(packed).toString("utf8");
  const loaded = new Set(await readdir("/sys/module").catch(() => []));
  return {
    release: name,
    config,
    loaded,
    modules: await readText(`/lib/modules/${name}/modules.dep`),
    builtIn: await readText(`/lib/modules/${name}/modules.builtin`),
    ...(await tryAll(loaded)),
    uses,
  };
}

async function tryAll(loaded: ReadonlySet<string>): Promise<TriedFeatures> {
  const isHarmless = ({ bringsLinks, module = "" }: KernelFeature): boolean =>
    bringsLinks === undefined || loaded.has(module);
  const ofNft = KERNEL_FEATURES.filter(({ probe }) => typeof probe === "string");
  const others = KERNEL_FEATURES.filter((feature) => !ofNft.includes(feature));
  const [refused, asked] = await Promise.all([
    findMissingFeatures(),
    tryFeaturesApart(loadNative(), others.filter(isHarmless)),
  ]);
  return {
    refused: [...(refused ?? []), ...asked.refused],
    untried: [
      ...(refused === undefined ? ofNft : []),
      ...asked.untried,
      ...others.filter((feature) => !isHarmless(feature)),
    ],
  };
}
