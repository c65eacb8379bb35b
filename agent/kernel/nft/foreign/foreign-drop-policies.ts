import type { Family } from "../../../net/address.ts";
import { describeHarm } from "../../../plan/foreign/forward-chain.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";
import { identifyForwardChains, listForwardChains } from "./forward-chains.ts";

/**
 * Chains of others that may cost pods traffic, in words; asked of nft only when they, or their rules, have
 * changed.
 */
export type ListForeignDropPolicies = (
  bridge: string,
  families: readonly Family[],
) => Promise<readonly string[]>;

export function createForeignDropPolicyList(netfilter: Pick<NetlinkClient, "dump">): ListForeignDropPolicies {
  let policies: { readonly key: string; readonly found: readonly string[] } | undefined;
  return async (bridge, families) => {
    // Before nft is asked: a change while it lists makes the next look a real one.
    const chainKey = await identifyForwardChains(netfilter, families);
    const key = [chainKey, bridge, ...families].join(" ");
    if (policies?.key !== key) {
      const chains = chainKey === "" ? [] : await listForwardChains(families);
      const found = chains.flatMap((chain) => {
        const harm = describeHarm(chain, bridge);
        return harm === undefined ? [] : [`${harm.evidence}; on the node run: ${harm.remedy}`];
      });
      policies = { key, found };
    }
    return policies.found;
  };
}
