import { listSome } from "../../text/list-some.ts";
import { formatSetTypes, ruleComment } from "./format-table.ts";
import { type NftChain, type NftFlowTable, type NftSet, type NftTable, TABLE_NAME } from "./nft-table.ts";

/** A table as the kernel has it, with rules known by their comments. */
export interface ObservedTable {
  /**
   * NFT_TABLE_F_* of linux/netfilter/nf_tables.h: a table that sleeps does nothing, one with an owner is
   * another program's.
   */
  readonly flags: number;
  readonly counters: readonly string[];
  readonly sets: readonly NftSet[];
  readonly chains: readonly ObservedChain[];
  /** As far as one is planned. */
  readonly flowTables?: readonly NftFlowTable[];
}

export interface ObservedChain extends Pick<NftChain, "name" | "priority"> {
  /** Of a chain that is not ours, anything. */
  readonly type: string;
  readonly hook: string;
  /** What becomes of a packet that no rule has decided upon; ours accept it. */
  readonly policy: string;
  readonly comments: readonly string[];
}

/** What is planned, and what the kernel has of it; undefined: there is no such table. */
export interface TablePair {
  readonly planned: NftTable;
  readonly observed: ObservedTable | undefined;
}

/** Elements that are named in words: of a cluster's sets thousands may be missing. */
const MAX_NAMED = 3;

/** How a table that is as planned is observed. */
export function asObserved({ counters, sets, chains, flowTable }: NftTable): ObservedTable {
  return {
    flags: 0,
    counters,
    sets,
    flowTables: flowTable === undefined ? [] : [flowTable],
    chains: chains.map(({ rules, ...chain }) => ({
      ...chain,
      policy: "accept",
      comments: rules.map(ruleComment),
    })),
  };
}

/** What a table of the kernel has not as planned, in words. */
export function diffTable({ planned, observed }: TablePair): readonly string[] {
  const table = `table ${planned.family} ${TABLE_NAME}`;
  if (observed === undefined) return [`${table} is missing`];
  const named = (names: readonly string[]) => names.map((name) => ({ name }));
  return [
    ...(observed.flags === 0 ? [] : [`has foreign flags ${describeFlags(observed.flags)}`]),
    ...diffByName("counter", named(planned.counters), named(observed.counters), () => []),
    ...diffByName("set", planned.sets, observed.sets, diffSet),
    ...diffByName("chain", asObserved(planned).chains, observed.chains, diffChain),
    ...diffByName("flow table", asObserved(planned).flowTables, observed.flowTables, diffFlowTable),
  ].map((difference) => `${table}: ${difference}`);
}

const FLAG_NAMES = ["dormant", "owner", "persist"];

function describeFlags(flags: number): string {
  const names = FLAG_NAMES.filter((_name, bit) => (flags & (1 << bit)) !== 0);
  return names.length === 0 ? `0x${flags.toString(16)}` : names.join(", ");
}

function diffByName<Item extends { readonly name: string }>(
  kind: "counter" | "set" | "chain" | "flow table",
  planned: readonly Item[] = [],
  observed: readonly Item[] = [],
  diff: (planned: Item, observed: Item) => readonly string[],
): readonly string[] {
  const found = new Map(observed.map((item) => [item.name, item]));
  const wanted = new Set(planned.map(({ name }) => name));
  const unknown = observed.filter(({ name }) => !wanted.has(name));
  return [
    ...planned.flatMap((item) => {
      const other = found.get(item.name);
      const differences = other === undefined ? ["is missing"] : diff(item, other);
      return differences.map((difference) => `${kind} ${item.name} ${difference}`);
    }),
    ...unknown.map(({ name }) => `${kind} ${name} is not planned`),
  ];
}

function diffSet(planned: NftSet, observed: NftSet): readonly string[] {
  const { removed, added } = diffElements(planned, observed);
  return [
    ...(isSameType(planned, observed)
      ? []
      : [`has ${describeType(observed)} instead of ${describeType(planned)}`]),
    ...(added.length === 0 ? [] : [`lacks ${listElements(added)}`]),
    ...(removed.length === 0 ? [] : [`has unexpected elements ${listElements(removed)}`]),
  ];
}

export function isSameType(a: NftSet, b: NftSet): boolean {
  return describeType(a) === describeType(b);
}

function diffFlowTable(planned: NftFlowTable, observed: NftFlowTable): readonly string[] {
  const { removed, added } = diffDevices(planned, observed);
  return [
    ...(planned.priority === observed.priority
      ? []
      : [`has priority ${observed.priority} instead of ${planned.priority}`]),
    ...(added.length === 0 ? [] : [`lacks ${listElements(added)}`]),
    ...(removed.length === 0 ? [] : [`has unexpected devices ${listElements(removed)}`]),
  ];
}

/** The devices that a flow table must lose and get to be as planned. */
export function diffDevices(
  planned: NftFlowTable,
  observed: NftFlowTable,
): { readonly removed: readonly string[]; readonly added: readonly string[] } {
  return {
    removed: without(observed.devices, new Set(planned.devices)),
    added: without(planned.devices, new Set(observed.devices)),
  };
}

/** By the type alone: the kernel does not tell the expressions that it was declared with. */
function describeType({ typeof: _expressions, ...set }: NftSet): string {
  return formatSetTypes(set).join(" ");
}

/** The elements that a set must lose and get to be as planned. */
export function diffElements(
  planned: NftSet,
  observed: NftSet,
): { readonly removed: readonly string[]; readonly added: readonly string[] } {
  if (planned.elements === observed.elements) return { removed: [], added: [] };
  const { start, end } = sameEnds(planned.elements, observed.elements);
  const wanted = planned.elements.slice(start, planned.elements.length - end);
  const found = observed.elements.slice(start, observed.elements.length - end);
  return { removed: without(found, new Set(wanted)), added: without(wanted, new Set(found)) };
}

/** How many elements are the same at both ends: of thousands one or two change at once. */
function sameEnds(
  a: readonly string[],
  b: readonly string[],
): { readonly start: number; readonly end: number } {
  const least = Math.min(a.length, b.length);
  let start = 0;
  while (start < least && a[start] === b[start]) start++;
  let end = 0;
  while (end < least - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return { start, end };
}

function without(elements: readonly string[], others: ReadonlySet<string>): readonly string[] {
  return elements.filter((element) => !others.has(element));
}

export function listElements(elements: readonly string[]): string {
  return listSome(elements, { max: MAX_NAMED });
}

function diffChain(planned: ObservedChain, observed: ObservedChain): readonly string[] {
  const place = ({ type, hook, priority, policy }: ObservedChain): string =>
    `type ${type} hook ${hook} priority ${priority} policy ${policy}`;
  const rules = ({ comments }: ObservedChain): string => `rules [${comments.join(", ")}]`;
  return [place, rules]
    .filter((describe) => describe(planned) !== describe(observed))
    .map((describe) => `has ${describe(observed)} instead of ${describe(planned)}`);
}
