import { readdir, readFile } from "node:fs/promises";
import { release } from "node:os";
import { gunzipSync } from "node:zlib";
import type { KernelObservation } from "../../diagnosis/checks/check-kernel.ts";
import { lacksConnections } from "../../kernel/connections/walk-connections.ts";
import { findMissingFeatures } from "../../kernel/nft/probe-features.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { CONNECTION_FEATURE } from "../../plan/node/kernel-features.ts";
import { readText } from "../read-proc.ts";

/**
 * What the running kernel was built with, from where the kernel or the distribution tells it, and what of
 * nftables and of tracked connections it refuses when it is tried.
 */
export async function observeKernel(
  netfilter: NetlinkClient,
  masquerades: boolean,
): Promise<KernelObservation> {
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
    refused: await findRefused(netfilter),
    masquerades,
  };
}

async function findRefused(netfilter: NetlinkClient): Promise<KernelObservation["refused"]> {
  const missing = await findMissingFeatures();
  if (missing === undefined) return undefined;
  return (await lacksConnections(netfilter)) ? [...missing, CONNECTION_FEATURE] : missing;
}
