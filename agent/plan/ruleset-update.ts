import { diffElements, diffTable, isSamePlace, type TablePair } from "./diff-table.ts";
import { formatChain, formatTable, type NftSet, TABLE_NAME } from "./ruleset.ts";

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

/** Whether the table needs nothing taken away but elements and rules. */
function isKept({ planned, observed }: TablePair): boolean {
  if (observed === undefined) return true;
  const areSetsKept = observed.sets.every((found) =>
    planned.sets.some(({ name, type }) => name === found.name && type === found.type),
  );
  return areSetsKept && observed.chains.every((found) => planned.chains.some((chain) => isSamePlace(chain, found)));
}

function formatSets(pair: TablePair): string {
  if (!isKept(pair)) return "";
  const { planned, observed } = pair;
  const table = `${planned.family} ${TABLE_NAME}`;
  const found = new Map(observed?.sets.map((set) => [set.name, set]));
  const lines = planned.sets.flatMap((set) => formatSetChange(table, set, found.get(set.name)));
  return lines.length === 0 ? "" : [`add table ${table}`, ...lines, ""].join("\n");
}

/** What goes makes room for what comes: a set of intervals refuses those that overlap. */
function formatSetChange(table: string, planned: NftSet, observed: NftSet | undefined): readonly string[] {
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
  const table = `${planned.family} ${TABLE_NAME}`;
  const areSame = diffTable({ planned: { ...planned, sets: [] }, observed: observed && { ...observed, sets: [] } });
  if (areSame.length === 0) return "";
  return [`add table ${table}`, `flush table ${table}`, `table ${table} {`, ...planned.chains.flatMap(formatChain), "}", ""].join(
    "\n",
  );
}
