import type { ForwardChainsObservation } from "../../diagnosis/checks/check-forward-chains.ts";
import { listForwardChains } from "../../kernel/nft/foreign/forward-chains.ts";
import type { Family } from "../../net/address.ts";
import { readText } from "../read-proc.ts";

/** Chains of others that forwarded packets of these families pass, and what nft does not show. */
export async function observeForwardChains(
  bridge: string,
  families: readonly Family[],
): Promise<ForwardChainsObservation> {
  return { bridge, chains: await listForwardChains(families), legacyTables: await listLegacyTables() };
}

/** Tables of iptables that do not work through nftables. */
export async function listLegacyTables(): Promise<readonly string[]> {
  const legacy = await Promise.all(
    ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"].map((path) => readText(path)),
  );
  return legacy.flatMap((text = "") => text.split("\n")).filter((name) => name !== "");
}
