import type { Kernel } from "../../../kernel/kernel.ts";
import { markOf, type PolicyOptions } from "../../../kernel/policy/policy-options.ts";
import type { Readiness } from "../../../lib/readiness.ts";
import { SERVICE_LINK } from "../../../plan/node/underlay.ts";
import type { EncryptionType } from "../../../plan/peers/peer-routes.ts";
import type { FastPathInput } from "../../../plan/rules/fast-path/fast-path.ts";
import type { LocalNetwork } from "../local-network.ts";

export interface FastPathSettings {
  readonly kernel: Pick<Kernel, "findFastPathFault">;
  readonly readiness: Pick<Readiness, "warn">;
  /** Whether established connections are led past all chains where the kernel can. */
  readonly fastPath: "off" | "auto";
  readonly policy: PolicyOptions & { readonly enabled: boolean };
  readonly encryption: { readonly type: EncryptionType };
}

/** IPVS translates answers in forward (ip_vs_out_hook of net/netfilter/ipvs/ip_vs_core.c). */
const IPVS_FAULT = `connections to services of IPVS, which this node has (link "${SERVICE_LINK}"), would break`;

/**
 * Gives what the rules of a fast path are made from; undefined: there is none, and where one was asked for
 * the node is ready and warns. With `verify` a kernel that had none is asked again.
 */
export function createFastPath({
  kernel,
  readiness,
  fastPath,
  policy,
  encryption,
}: FastPathSettings): (
  local: LocalNetwork,
  options: { readonly verify: boolean },
) => Promise<FastPathInput | undefined> {
  let isAsked = false;
  let kernelFault: string | undefined;
  return async ({ underlay }, { verify }) => {
    if (fastPath === "off") return undefined;
    if (!isAsked || (verify && kernelFault !== undefined)) kernelFault = await kernel.findFastPathFault();
    isAsked = true;
    const fault = underlay.serviceAddresses.length > 0 ? IPVS_FAULT : kernelFault;
    readiness.warn("fast path", fault === undefined ? undefined : `there is none: ${fault}`);
    if (fault !== undefined) return undefined;
    return {
      // What comes in clear must meet the guard of what is encrypted.
      uplinks: encryption.type === "none" ? underlay.uplinks.map(({ name }) => name) : [],
      mark: policy.enabled ? markOf(policy) : undefined,
    };
  };
}
