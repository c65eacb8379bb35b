import { diffElements, diffTable, type ObservedChain, type TablePair } from "./diff-table.ts";
import { formatChain, formatTable, type NftChain, type NftSet, TABLE_NAME } from "./ruleset.ts";

/**
 * Turns what the kernel has into what is planned: input of `nft -f`, a transaction each, in the order in which they must succeed. The first
 * brings the sets to their elements, the second the rules that look into them. In one transaction a new set would be empty for the packets
 * of the first half millisecond: its elements are seen at the end of the commit, rules at its beginning (nf_tables_commit of
 * net/netfilter/nf_tables_api.c, nft_rbtree_commit of nft_set_rbtree.c). Sets that stay have one content or the other. Nothing to do: none.
 */
export function formatUpdate(pairs: readonly TablePair[]): readonly string[] {
  const changed = pairs.filter((pair) => diffTable(pair).length > 0);
  return [changed.map(formatSets), changed.map(formatRules)]
    .map((texts) => texts.join(""))
    .filter((text) => text !== "");
}

function formatSets(pair: TablePair): string {
  if (!isKept(pair)) return "";
  const { planned, observed } = pair;
  const table = `${planned.family} ${TABLE_NAME}`;
  const found = new Map(observed?.sets.map((set) => [set.name, set]));
  const lines = planned.sets.flatMap((set) => formatSet(table, set, found.get(set.name)));
  return lines.length === 0 ? "" : [`add table ${table}`, ...lines, ""].join("\n");
}

/** What goes makes room for what comes: a set of intervals refuses those that overlap. */
function formatSet(table: string, planned: NftSet, observed: NftSet | undefined): readonly string[] {
  const { name, type } = planned;
  const { removed, added } = diffElements(planned, observed ?? { name, type, elements: [] });
  const change = (verb: "add" | "delete", elements: readonly string[]): readonly string[] =>
    elements.length === 0 ? [] : [`${verb} element ${table} ${name} { ${elements.join(", ")} }`];
  return [
    ...(observed === undefined ? [`add set ${table} ${name} { type ${type}; flags interval; }`] : []),
    ...change("delete", removed),
    ...change("add", added),
  ];
}

function formatRules(pair: TablePair): string {
  const { planned, observed } = pair;
  if (!isKept(pair)) return formatTable(planned);
  if (
    observed !== undefined &&
    diffTable({ planned, observed: { ...observed, sets: planned.sets } }).length === 0
  )
    return "";
  const table = `${planned.family} ${TABLE_NAME}`;
  const chains = planned.chains.flatMap(formatChain);
  return [`add table ${table}`, `flush table ${table}`, `table ${table} {`, ...chains, "}", ""].join("\n");
}

/** Whether nothing but elements and rules must be taken away. Else the table is replaced whole. */
function isKept({ planned, observed }: TablePair): boolean {
  if (observed === undefined) return true;
  const isSet = (found: NftSet): boolean =>
    planned.sets.some(({ name, type }) => name === found.name && type === found.type);
  const isChain = (found: ObservedChain): boolean =>
    planned.chains.some((chain) => isSamePlace(chain, found));
  return observed.sets.every(isSet) && observed.chains.every(isChain);
}

function isSamePlace(planned: NftChain, { name, type, hook, priority }: ObservedChain): boolean {
  return (
    planned.name === name && planned.type === type && planned.hook === hook && planned.priority === priority
  );
}
