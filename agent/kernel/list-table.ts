import type { ObservedTable } from "../plan/diff-table.ts";
import { type NftChain, type NftSet, type NftTable, TABLE_NAME } from "../plan/ruleset.ts";
import { runNft } from "./run-nft.ts";

/** An object of `nft -j list`; see libnftables-json(5). */
interface NftObject {
  readonly set?: {
    readonly name: string;
    readonly type: NftSet["type"];
    readonly elem?: readonly NftElement[];
  };
  readonly chain?: Pick<NftChain, "name" | "type" | "hook"> & {
    readonly prio: number;
    readonly policy: string;
  };
  readonly rule?: { readonly chain: string; readonly comment?: string };
}

type NftElement = string | { readonly prefix: { readonly addr: string; readonly len: number } };

/** Our table of a family as the kernel has it; undefined: there is none. */
export async function listTable(family: NftTable["family"]): Promise<ObservedTable | undefined> {
  let said: string;
  try {
    said = await runNft(["-j", "list", "table", family, TABLE_NAME], "");
  } catch (error) {
    if (error instanceof Error && error.message.includes("No such file or directory")) return undefined;
    throw error;
  }
  try {
    const { nftables } = JSON.parse(said) as { nftables: readonly NftObject[] };
    return readTable(nftables);
  } catch (cause) {
    // nft 1.0.6 breaks off, and exits 0, on a table that another program owns (flags owner).
    throw new Error(`Cannot read nftables table ${family} ${TABLE_NAME}: nft lists it in broken JSON`, {
      cause,
    });
  }
}

function readTable(objects: readonly NftObject[]): ObservedTable {
  const comments = (chain: string): string[] =>
    objects.flatMap(({ rule }) => (rule?.chain === chain ? [rule.comment ?? "without comment"] : []));
  return {
    sets: objects.flatMap(({ set }) => {
      if (set === undefined) return [];
      return [{ name: set.name, type: set.type, elements: (set.elem ?? []).map(formatElement) }];
    }),
    chains: objects.flatMap(({ chain }) => {
      if (chain === undefined) return [];
      const { name, type, hook, prio, policy } = chain;
      return [{ name, type, hook, priority: prio, policy, comments: comments(name) }];
    }),
  };
}

function formatElement(element: NftElement): string {
  return typeof element === "string" ? element : `${element.prefix.addr}/${element.prefix.len}`;
}
