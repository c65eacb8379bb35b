import { readdir, readFile } from "node:fs/promises";
import { release } from "node:os";
import { gunzipSync } from "node:zlib";
import type { KernelObservation } from "../../diagnosis/checks/check-kernel.ts";
import { findMissingFeatures } from "../../kernel/nft/probe-features.ts";
import { readText } from "../read-proc.ts";

/**
 * What the running kernel was built with, from where the kernel or the distribution tells it, and what of
 * nftables it refuses when it is tried.
 */
export async function observeKernel(masquerades: boolean): Promise<KernelObservation> {
  const name = release();
  const packed = await readFile("/proc/config.gz").catch(() => undefined);
  const config =
    packed === undefined
      ? ((await readText(`/boot/config-${name}`)) ?? (await readText(`/lib/modules/${name}/config`)))
      : gunzipSync(packed).toString("utf8");
  return {
    release: name,
    config,
    loaded: new Set(await readdir("/sys/module").catch(() => [])),
    modules: await readText(`/lib/modules/${name}/modules.dep`),
    refused: await findMissingFeatures(),
    masquerades,
  };
}
