import {
  asObserved,
  diffDevices,
  diffElements,
  diffTable,
  isSameType,
  type ObservedChain,
  type ObservedTable,
  type TablePair,
} from "./diff-table.ts";
import {
  formatChain,
  formatDevices,
  formatFlowTable,
  formatSetTypes,
  formatTable,
  kindOf,
} from "./format-table.ts";
import { type NftChain, type NftFlowTable, type NftSet, type NftTable, TABLE_NAME } from "./nft-table.ts";

/**
 * nft 1.0.6 takes 2 ms for each that it deletes out of 5,000 elements, and 170 ms to write all of them anew.
 */
const MAX_DELETED = 50;

/**
 * Characters of elements in a transaction. nft sends each at once, and where it may not ask for more, as in a
 * user namespace, the kernel takes what fits into a socket's buffer: 208 KiB (netlink_sendmsg of
 * net/netlink/af_netlink.c). An element is up to six times as long as its text.
 */
const MAX_CHARACTERS = 30_000;

/**
 * Turns what the kernel has into what is planned: input of `nft -f`, a transaction each, in the order in
 * which they must succeed; none when there is nothing to do. The first brings the sets to their elements, and
 * so do others while there are too many for one; the last the rules that look into them, and takes away what
 * is not planned. In one transaction packets would find a new set empty for half a millisecond: rules count
 * from the beginning of the commit, elements of intervals from its end (measured on 6.18; nf_tables_commit of
 * net/netfilter/nf_tables_api.c and nft_rbtree_commit of nft_set_rbtree.c). A chain that asks what others
 * have written on packets has a transaction after theirs ({@link bringsLastChain}), since some packets are on
 * their way between both.
 */
export function formatUpdate(pairs: readonly TablePair[]): readonly string[] {
  const changed = pairs.filter((pair) => diffTable(pair).length > 0);
  return [
    ...pack(changed.flatMap(formatSets)),
    changed.map(formatFirstRules).join(""),
    changed.map(formatRules).join(""),
  ].filter((text) => text !== "");
}

/** Joins texts to as few as the limit allows; one alone may be longer. */
function pack(texts: readonly string[]): readonly string[] {
  const packed: string[] = [];
  for (const text of texts) {
    const last = packed.at(-1);
    if (last === undefined || last.length + text.length > MAX_CHARACTERS) packed.push(text);
    else packed[packed.length - 1] = last + text;
  }
  return packed;
}

/** Texts of which each is for one transaction. */
function formatSets(pair: TablePair): readonly string[] {
  if (!isKept(pair)) return [];
  const { planned, observed } = pair;
  const table = `${planned.family} ${TABLE_NAME}`;
  const found = new Map(observed?.sets.map((set) => [set.name, set]));
  const counters = planned.counters.filter((name) => observed?.counters.includes(name) !== true);
  const texts = [
    ...counters.map((name) => `add counter ${table} ${name}\n`),
    ...planned.sets.flatMap((set) => formatSet(table, set, found.get(set.name))),
    ...formatFlowDevices(table, pair),
  ];
  return texts.length === 0 ? [] : [`add table ${table}\n`, ...texts];
}

function formatFlowDevices(table: string, { planned, observed }: TablePair): readonly string[] {
  const { flowTable } = planned;
  if (flowTable === undefined) return [];
  const found = flowTableOf(flowTable.name, observed);
  if (found === undefined) return formatFlowTable(table, flowTable).map((line) => `${line}\n`);
  const { removed, added } = diffDevices(flowTable, found);
  return [
    ...formatDevices("delete", table, { ...flowTable, devices: removed }),
    ...formatDevices("add", table, { ...flowTable, devices: added }),
  ].map((line) => `${line}\n`);
}

function flowTableOf(name: string, observed: ObservedTable | undefined) {
  return observed?.flowTables?.find((candidate) => candidate.name === name);
}

/**
 * Replaces the flow table, and with it all that is in it, in one transaction: connections take the way
 * through all chains again, and come back with their next packet if the rule still says so. They stay
 * tracked, so none of them is cut by this.
 */
export function formatRenewal({ family, flowTable, chains }: NftTable): string {
  if (flowTable === undefined) return "";
  const table = `${family} ${TABLE_NAME}`;
  const users = chains.filter(({ rules }) => rules.some(({ text }) => text.includes(`@${flowTable.name}`)));
  return [
    ...users.map(({ name }) => `flush chain ${table} ${name}`),
    `delete flowtable ${table} ${flowTable.name}`,
    ...formatFlowTable(table, flowTable),
    `table ${table} {`,
    ...users.flatMap(formatChain),
    "}",
    "",
  ].join("\n");
}

/**
 * What goes makes room for what comes, since a set of intervals refuses those that overlap, and is in its
 * transaction, since packets need either.
 */
function formatSet(table: string, planned: NftSet, observed: NftSet | undefined): readonly string[] {
  const { name } = planned;
  if (observed === undefined) {
    const types = formatSetTypes(planned).map((line) => `${line};`);
    return [
      `add ${kindOf(planned)} ${table} ${name} { ${types.join(" ")} }\n`,
      ...change("add", planned.elements),
    ];
  }
  const { removed, added } = diffElements(planned, observed);
  if (removed.length === 0) return change("add", added);
  if (removed.length > MAX_DELETED)
    return [[`flush ${kindOf(planned)} ${table} ${name}\n`, ...change("add", planned.elements)].join("")];
  return [[...change("delete", removed.map(keyOf)), ...change("add", added)].join("")];

  function change(verb: "add" | "delete", elements: readonly string[]): readonly string[] {
    return inPortions(elements).map(
      (portion) => `${verb} element ${table} ${name} { ${portion.join(", ")} }\n`,
    );
  }
}

function inPortions(elements: readonly string[]): readonly (readonly string[])[] {
  const portions: string[][] = [];
  let room = 0;
  for (const element of elements) {
    room -= element.length + 2;
    if (room < 0) {
      portions.push([]);
      room = MAX_CHARACTERS - element.length - 2;
    }
    portions.at(-1)?.push(element);
  }
  return portions;
}

/** What stands before what somebody else has added, comment and value. */
function keyOf(element: string): string {
  return element.replace(/ (with |comment "|: ).*$/, "");
}

/** Whether the last transaction brings a chain that asks what those before it have written on packets. */
export function bringsLastChain(pair: TablePair): boolean {
  const { planned, observed } = pair;
  if (observed === undefined || !isKept(pair)) return false;
  const isThere = ({ name }: NftChain): boolean => observed.chains.some((chain) => chain.name === name);
  return planned.chains.some((chain) => chain.isLast === true && !isThere(chain));
}

/** All rules but those of chains that must come last, where the table gets such chains. */
function formatFirstRules(pair: TablePair): string {
  const { planned } = pair;
  if (!bringsLastChain(pair)) return "";
  return formatChains(
    `${planned.family} ${TABLE_NAME}`,
    [],
    planned.chains.filter(({ isLast }) => isLast !== true),
  );
}

function formatRules(pair: TablePair): string {
  const { planned, observed } = pair;
  if (!isKept(pair)) return formatTable(planned);
  const table = `${planned.family} ${TABLE_NAME}`;
  const deletions = formatDeletions(table, pair);
  if (
    observed !== undefined &&
    deletions.length === 0 &&
    diffTable({
      planned,
      observed: { ...asObserved(planned), flags: observed.flags, chains: observed.chains },
    }).length === 0
  )
    return "";
  return formatChains(table, deletions, planned.chains);
}

function formatChains(table: string, deletions: readonly string[], chains: readonly NftChain[]): string {
  return [
    `add table ${table}`,
    `flush table ${table}`,
    ...deletions,
    `table ${table} {`,
    ...chains.flatMap(formatChain),
    "}",
    "",
  ].join("\n");
}

/** What is not planned: without rules nothing refers to it. */
function formatDeletions(table: string, { planned, observed }: TablePair): readonly string[] {
  if (observed === undefined) return [];
  const chains = new Set(planned.chains.map(({ name }) => name));
  const sets = new Set(planned.sets.map(({ name }) => name));
  return [
    ...observed.chains
      .filter(({ name }) => !chains.has(name))
      .map(({ name }) => `delete chain ${table} ${name}`),
    ...observed.sets
      .filter(({ name }) => !sets.has(name))
      .map((set) => `delete ${kindOf(set)} ${table} ${set.name}`),
    ...observed.counters
      .filter((name) => !planned.counters.includes(name))
      .map((name) => `delete counter ${table} ${name}`),
  ];
}

/** Whether nothing of a planned name is of another kind. Else the table is replaced whole. */
function isKept({ planned, observed }: TablePair): boolean {
  if (observed === undefined) return true;
  const isKeptSet = (set: NftSet): boolean =>
    observed.sets.every((found) => found.name !== set.name || isSameType(set, found));
  const isKeptChain = (chain: NftChain): boolean =>
    observed.chains.every((found) => found.name !== chain.name || isSamePlace(chain, found));
  return (
    observed.flags === 0 &&
    planned.sets.every(isKeptSet) &&
    planned.chains.every(isKeptChain) &&
    (observed.flowTables ?? []).every((found) => isKeptFlowTable(planned, found))
  );
}

function isKeptFlowTable({ flowTable }: NftTable, found: NftFlowTable): boolean {
  return flowTable?.name === found.name && flowTable.priority === found.priority;
}

function isSamePlace(planned: NftChain, { type, hook, priority }: ObservedChain): boolean {
  return planned.type === type && planned.hook === hook && planned.priority === priority;
}
