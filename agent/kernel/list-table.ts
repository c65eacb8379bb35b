import type { ObservedTable } from "../plan/diff-table.ts";
import { type NftChain, type NftSet, type NftTable, TABLE_NAME } from "../plan/ruleset.ts";
import { runNft } from "./run-nft.ts";

/** An object of `nft -j list`; see libnftables-json(5). */
interface NftObject {
  readonly set?: ListedSet;
  readonly map?: ListedSet & { readonly map: string };
  readonly chain?: Pick<NftChain, "name" | "type" | "hook"> & {
    readonly prio: number;
    readonly policy: string;
  };
  readonly rule?: { readonly chain: string; readonly comment?: string };
}

interface ListedSet {
  readonly name: string;
  readonly type: string | readonly string[];
  readonly flags?: readonly string[];
  readonly elem?: readonly (ListedElement | readonly [ListedElement, ListedValue])[];
}

type ListedValue =
  | string
  | number
  | { readonly prefix: { readonly addr: string; readonly len: number } }
  | { readonly concat: readonly (string | number)[] };

type ListedElement =
  | ListedValue
  | { readonly elem: { readonly val: ListedValue; readonly comment?: string } };

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
    sets: objects.flatMap(({ set, map }) => {
      const listed = set ?? map;
      return listed === undefined ? [] : [readSet(listed, map?.map)];
    }),
    chains: objects.flatMap(({ chain }) => {
      if (chain === undefined) return [];
      const { name, type, hook, prio, policy } = chain;
      return [{ name, type, hook, priority: prio, policy, comments: comments(name) }];
    }),
  };
}

function readSet({ name, type, flags = [], elem = [] }: ListedSet, values: string | undefined): NftSet {
  return {
    name,
    type: typeof type === "string" ? type : type.join(" . "),
    values,
    isInterval: flags.includes("interval"),
    elements: elem.map((item) =>
      isPair(item) ? `${formatKey(item[0])} : ${formatValue(item[1])}` : formatKey(item),
    ),
  };
}

function isPair(item: unknown): item is readonly [ListedElement, ListedValue] {
  return Array.isArray(item);
}

function formatKey(element: ListedElement): string {
  if (typeof element !== "object" || !("elem" in element)) return formatValue(element);
  const { val, comment } = element.elem;
  return comment === undefined ? formatValue(val) : `${formatValue(val)} comment "${comment}"`;
}

function formatValue(value: ListedValue): string {
  if (typeof value !== "object") return String(value);
  if ("prefix" in value) return `${value.prefix.addr}/${value.prefix.len}`;
  return value.concat.join(" . ");
}
