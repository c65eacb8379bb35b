import type { ForwardChainsObservation } from "../diagnosis/check-forward-chains.ts";
import type { ForwardChain, NftRule } from "../diagnosis/forward-chain.ts";
import type { ListedObject } from "../kernel/foreign-chains.ts";
import type { Family } from "../net/address.ts";
import { runNft } from "../kernel/run-nft.ts";
import { TABLE_NAME } from "../plan/ruleset.ts";
import { readText } from "./read-proc.ts";

/**
 * Chains of others in hook forward that packets of these families pass. That of family "bridge" is none: pods' frames go to the host.
 */
export async function observeForwardChains(
  bridge: string,
  families: readonly Family[],
): Promise<ForwardChainsObservation> {
  const passed = new Set(["inet", ...families.map((family) => (family === 4 ? "ip" : "ip6"))]);
  const chains: ForwardChain[] = [];
  for (const { chain } of await list<ListedObject>("chains")) {
    if (chain?.hook !== "forward" || chain.table === TABLE_NAME || !passed.has(chain.family)) continue;
    const { family, table, name, policy = "accept" } = chain;
    chains.push({ family, table, name, policy, rules: await listRules([family, table, name]) });
  }
  const legacy = await Promise.all(
    ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"].map((path) => readText(path)),
  );
  const legacyTables = legacy.flatMap((text = "") => text.split("\n")).filter((name) => name !== "");
  return { bridge, chains, legacyTables };
}

async function listRules(chain: readonly string[]): Promise<readonly NftRule[]> {
  const objects = await list<{ readonly rule?: { readonly expr?: NftRule } }>("chain", ...chain);
  return objects.flatMap(({ rule }) => (rule?.expr === undefined ? [] : [rule.expr]));
}

async function list<Listed>(...what: readonly string[]): Promise<readonly Listed[]> {
  const text = await runNft(["-j", "list", ...what], "");
  return (JSON.parse(text) as { readonly nftables: readonly Listed[] }).nftables;
}
