import type { Family } from "../../net/address.ts";
import type { ForwardChain, NftRule } from "../../plan/rules/forward-chain.ts";
import { TABLE_NAME } from "../../plan/rules/ruleset.ts";
import { runNft } from "./run-nft.ts";

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
 * Chains of others in hook forward that packets of these families pass, with their rules. That of family "bridge" is none: pods' frames go to
 * the host.
 */
export async function listForwardChains(families: readonly Family[]): Promise<readonly ForwardChain[]> {
  const passed = new Set(["inet", ...families.map((family) => (family === 4 ? "ip" : "ip6"))]);
  const chains: ForwardChain[] = [];
  for (const { chain } of await list<ListedObject>("chains")) {
    if (chain?.hook !== "forward" || chain.table === TABLE_NAME || !passed.has(chain.family)) continue;
    const { family, table, name, policy = "accept" } = chain;
    chains.push({ family, table, name, policy, rules: await listRules([family, table, name]) });
  }
  return chains;
}

async function listRules(chain: readonly string[]): Promise<readonly NftRule[]> {
  const objects = await list<{ readonly rule?: { readonly expr?: NftRule } }>("chain", ...chain);
  return objects.flatMap(({ rule }) => (rule?.expr === undefined ? [] : [rule.expr]));
}

async function list<Listed>(...what: readonly string[]): Promise<readonly Listed[]> {
  const text = await runNft(["-j", "list", ...what], "");
  return (JSON.parse(text) as { readonly nftables: readonly Listed[] }).nftables;
}
