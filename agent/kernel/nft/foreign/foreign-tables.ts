import type { Family } from "../../../net/address.ts";
import type { NftRule } from "../../../plan/foreign/forward-chain.ts";
import { isOwnTable } from "../../../plan/nft/nft-table.ts";
import type { ForeignChain, ForeignTable } from "../../../plan/foreign/walk-rules.ts";
import { listNft } from "../run-nft.ts";

interface Named {
  readonly family: string;
  readonly name: string;
}

/** An object of `nft -j list table`; see libnftables-json(5). */
interface ListedObject {
  readonly chain?: Named & { readonly type?: string; readonly hook?: string; readonly prio?: number };
  readonly rule?: { readonly chain: string; readonly expr?: NftRule };
  readonly set?: Named & { readonly elem?: readonly unknown[] };
  readonly map?: Named & { readonly elem?: readonly unknown[] };
}

/**
 * Tables of others that packets of a family pass, whole. Each is listed by itself: ours have the elements of
 * thousands of nodes and pods.
 */
export async function listForeignTables(family: Family): Promise<readonly ForeignTable[]> {
  const tables: ForeignTable[] = [];
  for (const { table } of await listNft<{ readonly table?: Named }>("tables")) {
    if (table === undefined || isOwnTable(table.name)) continue;
    if (table.family !== "inet" && table.family !== (family === 4 ? "ip" : "ip6")) continue;
    tables.push(readTable(table, await listNft<ListedObject>("table", table.family, table.name)));
  }
  return tables;
}

function readTable({ family, name }: Named, objects: readonly ListedObject[]): ForeignTable {
  const rules = Map.groupBy(
    objects.flatMap(({ rule }) => rule ?? []),
    (rule) => rule.chain,
  );
  const chains = objects.flatMap(({ chain }): ForeignChain[] => {
    if (chain === undefined) return [];
    const { type = "", hook, prio: priority = 0 } = chain;
    return [
      {
        name: chain.name,
        rules: (rules.get(chain.name) ?? []).map(({ expr = [] }) => expr),
        base: hook === undefined ? undefined : { type, hook, priority },
      },
    ];
  });
  const sets = objects.flatMap(({ set, map }) => set ?? map ?? []);
  return {
    family,
    name,
    chains: new Map(chains.map((chain) => [chain.name, chain])),
    sets: new Map(sets.map(({ name: setName, elem = [] }) => [setName, elem])),
  };
}
