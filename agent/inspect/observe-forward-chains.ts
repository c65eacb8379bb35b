import type { ForwardChainsObservation } from "../diagnosis/check-forward-chains.ts";
import type { ForwardChain, NftRule } from "../diagnosis/forward-chain.ts";
import type { ListedObject } from "../kernel/foreign-chains.ts";
import { runNft } from "../kernel/run-nft.ts";
import { TABLE_NAME } from "../plan/ruleset.ts";
import { readText } from "./read-proc.ts";

/** Families whose hook forward pods' packets pass: their frames go to the host, so that of "bridge" is none. */
const FAMILIES = new Set(["inet", "ip", "ip6"]);

export async function observeForwardChains(bridge: string): Promise<ForwardChainsObservation> {
  const chains: ForwardChain[] = [];
  for (const { chain } of await list<ListedObject>("chains")) {
    if (chain?.hook !== "forward" || chain.table === TABLE_NAME || !FAMILIES.has(chain.family)) continue;
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
