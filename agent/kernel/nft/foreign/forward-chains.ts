import type { Family } from "../../../net/address.ts";
import { AF_INET, AF_INET6, NF_INET_FORWARD, NFPROTO_INET } from "../../../netlink/constants.ts";
import {
  dumpChains,
  dumpRules,
  isBaseChain,
  parseChain,
  readRuleHandle,
} from "../../../netlink/nft/nft-objects.ts";
import type { ForwardChain, NftRule } from "../../../plan/foreign/forward-chain.ts";
import { isOwnTable } from "../../../plan/nft/nft-table.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";
import { listNft } from "../run-nft.ts";

/** An object of `nft -j list chains`; see libnftables-json(5). */
interface ListedObject {
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly hook?: string;
    readonly policy?: string;
  };
}

/**
 * Chains of others in hook forward that packets of these families pass, with their rules. That of family
 * "bridge" is none: pods' frames go to the host.
 */
export async function listForwardChains(families: readonly Family[]): Promise<readonly ForwardChain[]> {
  const passed = new Set(["inet", ...families.map((family) => (family === 4 ? "ip" : "ip6"))]);
  const chains: ForwardChain[] = [];
  for (const { chain } of await listNft<ListedObject>("chains")) {
    if (chain?.hook !== "forward" || isOwnTable(chain.table) || !passed.has(chain.family)) continue;
    const { family, table, name, policy = "accept" } = chain;
    chains.push({ family, table, name, policy, rules: await listRules([family, table, name]) });
  }
  return chains;
}

/**
 * The same text as long as {@link listForwardChains} gives the same: nft has to say what rules mean, but the
 * kernel knows whether they are those of before.
 */
export async function identifyForwardChains(
  netfilter: Pick<NetlinkClient, "dump">,
  families: readonly Family[],
): Promise<string> {
  const found: string[] = [];
  for (const family of [NFPROTO_INET, ...families.map((each) => (each === 4 ? AF_INET : AF_INET6))]) {
    const chains = (await netfilter.dump(dumpChains(family))).filter(isBaseChain).map(parseChain);
    for (const { table, name, hook, policy } of chains) {
      if (hook !== NF_INET_FORWARD || isOwnTable(table)) continue;
      const rules = await netfilter.dump(dumpRules({ family, table, chain: name }));
      found.push(JSON.stringify([family, table, name, policy, rules.map(readRuleHandle)]));
    }
  }
  return found.join();
}

async function listRules(chain: readonly string[]): Promise<readonly NftRule[]> {
  const objects = await listNft<{ readonly rule?: { readonly expr?: NftRule } }>("chain", ...chain);
  return objects.flatMap(({ rule }) => (rule?.expr === undefined ? [] : [rule.expr]));
}
