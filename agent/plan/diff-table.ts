import { type NftChain, type NftSet, type NftTable, ruleComment, TABLE_NAME } from "./ruleset.ts";

/** A table as the kernel has it, with rules known by their comments. */
export interface ObservedTable {
  readonly sets: readonly NftSet[];
  readonly chains: readonly ObservedChain[];
}

export interface ObservedChain extends Omit<NftChain, "rules"> {
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
export function asObserved({ sets, chains }: NftTable): ObservedTable {
  return {
    sets,
    chains: chains.map(({ rules, ...chain }) => ({ ...chain, comments: rules.map(ruleComment) })),
  };
}

/** What a table of the kernel has not as planned, in words. */
export function diffTable({ planned, observed }: TablePair): readonly string[] {
  const table = `table ${planned.family} ${TABLE_NAME}`;
  if (observed === undefined) return [`${table} is missing`];
  return [
    ...diffByName("set", planned.sets, observed.sets, diffSet),
    ...diffByName("chain", asObserved(planned).chains, observed.chains, diffChain),
  ].map((difference) => `${table}: ${difference}`);
}

function diffByName<Item extends { readonly name: string }>(
  kind: "set" | "chain",
  planned: readonly Item[],
  observed: readonly Item[],
  diff: (planned: Item, observed: Item) => readonly string[],
): string[] {
  const found = new Map(observed.map((item) => [item.name, item]));
  const wanted = new Set(planned.map(({ name }) => name));
  return [
    ...planned.flatMap((item) => {
      const other = found.get(item.name);
      return other === undefined ? ["is missing"].map(nameIt(item)) : diff(item, other).map(nameIt(item));
    }),
    ...observed.filter(({ name }) => !wanted.has(name)).map((item) => nameIt(item)("is not planned")),
  ];

  function nameIt({ name }: Item): (difference: string) => string {
    return (difference) => `${kind} ${name} ${difference}`;
  }
}

function diffSet(planned: NftSet, observed: NftSet): readonly string[] {
  const { removed, added } = diffElements(planned, observed);
  return [
    ...(planned.type === observed.type ? [] : [`has type ${observed.type} instead of ${planned.type}`]),
    ...(added.length === 0 ? [] : [`lacks ${listSome(added)}`]),
    ...(removed.length === 0 ? [] : [`has ${listSome(removed)} too much`]),
  ];
}

/** The elements that a set must lose and get to be as planned. */
export function diffElements(
  planned: NftSet,
  observed: NftSet,
): { readonly removed: readonly string[]; readonly added: readonly string[] } {
  const wanted = new Set(planned.elements);
  const found = new Set(observed.elements);
  return {
    removed: observed.elements.filter((element) => !wanted.has(element)),
    added: planned.elements.filter((element) => !found.has(element)),
  };
}

function listSome(elements: readonly string[]): string {
  const named = elements.slice(0, MAX_NAMED).join(", ");
  return elements.length > MAX_NAMED ? `${named} and ${elements.length - MAX_NAMED} more` : named;
}

function diffChain(planned: ObservedChain, observed: ObservedChain): readonly string[] {
  const place = ({ type, hook, priority }: ObservedChain): string =>
    `type ${type} hook ${hook} priority ${priority}`;
  const rules = ({ comments }: ObservedChain): string => `[${comments.join(", ")}]`;
  return [place, rules]
    .filter((describe) => describe(planned) !== describe(observed))
    .map((describe) => `has ${describe(observed)} instead of ${describe(planned)}`);
}

/** Whether a chain is hooked in where it is planned, whatever its rules. */
export function isSamePlace(planned: Omit<NftChain, "rules">, observed: Omit<NftChain, "rules">): boolean {
  const { name, type, hook, priority } = observed;
  return (
    planned.name === name && planned.type === type && planned.hook === hook && planned.priority === priority
  );
}
