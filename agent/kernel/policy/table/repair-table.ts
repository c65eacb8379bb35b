import type { MessageBody } from "../../../netlink/message/message.ts";
import {
  appendRule,
  createSet,
  createTable,
  deleteChain,
  deleteRules,
  deleteSet,
  deleteTable,
} from "../../../netlink/nft/table/nft-declarations.ts";
import {
  addElements,
  deleteElements,
  flushElements,
  type NftElement,
} from "../../../netlink/nft/table/nft-set-elements.ts";
import { listElements } from "../../../plan/nft/diff-table.ts";
import { POLICY_TABLE } from "./base-table.ts";
import { createChainBodies, podElement, setKey } from "./change-messages.ts";
import type { ChainPlan } from "./chain-rules.ts";
import {
  describeHook,
  describeSet,
  type ObservedChain,
  type ObservedSet,
  type ObservedTable,
} from "./read-table.ts";
import { codecOf } from "./set-plan.ts";
import type { SetPlan, TablePlan } from "./table-plan.ts";

/** What makes the kernel's table the planned one, and what was wrong with it, in words. */
export interface TableRepair {
  readonly faults: readonly string[];
  /** One after the other, see {@link inTransactions}; undefined: the table has to be replaced as a whole. */
  readonly transactions: readonly (readonly MessageBody[])[] | undefined;
}

/** The whole table, in the place of one that may be there. */
export function replaceTable(plan: TablePlan): readonly MessageBody[] {
  const sets = [...plan.sets.values()];
  return [
    createTable(POLICY_TABLE),
    deleteTable(POLICY_TABLE),
    createTable(POLICY_TABLE),
    ...sets.map(({ declaration }, index) => createSet(POLICY_TABLE, declaration, index + 1)),
    ...sets.filter(isPlain).flatMap(additionsTo),
    ...[...plan.chains.values()].flatMap(createChainBodies),
    ...sets.filter((set) => !isPlain(set)).flatMap(additionsTo),
  ];
}

/** Compares the table that was read with the planned one. */
export function planRepair(plan: TablePlan, observed: ObservedTable | undefined): TableRepair {
  if (observed === undefined) return { faults: ["the table is missing"], transactions: undefined };
  const difference = compareTables(plan, observed);
  const { sets, chains, alien, altered, elements } = difference;
  const faults = [
    ...alien,
    ...sets.missing.map(({ declaration: { name } }) => `set ${name} is missing`),
    ...chains.missing.map(({ name }) => `chain ${name} is missing`),
    ...altered.map(({ name }) => `chain ${name} has other rules`),
    ...elements.flatMap((found) => found.faults),
    ...chains.surplus.map((name) => `chain ${name} is not planned`),
    ...sets.surplus.map((name) => `set ${name} is not planned`),
  ];
  return { faults, transactions: alien.length > 0 ? undefined : repairTransactions(difference) };
}

interface TableDifference {
  readonly sets: Comparison<SetPlan, ObservedSet>;
  readonly chains: Comparison<ChainPlan, ObservedChain>;
  /** What only a new table takes away. */
  readonly alien: readonly string[];
  /** Chains with other rules. */
  readonly altered: Comparison<ChainPlan, ObservedChain>["both"];
  readonly elements: readonly ElementsRepair[];
}

function compareTables(plan: TablePlan, observed: ObservedTable): TableDifference {
  const sets = compareByName(plan.sets, observed.sets);
  const chains = compareByName(plan.chains, observed.chains);
  const alien = [
    ...(observed.flags === 0 ? [] : [`the table has foreign flags 0x${observed.flags.toString(16)}`]),
    ...observed.objects.map((name) => `object ${name} is not planned`),
    ...sets.both.flatMap(({ name, wanted: { declaration }, found }) => {
      const form = describeSet(declaration);
      return form === found.form ? [] : [`set ${name} has ${found.form} instead of ${form}`];
    }),
    ...chains.both.flatMap(({ name, wanted, found }) => {
      const form = describeHook(wanted.hook);
      return form === found.form ? [] : [`chain ${name} has ${found.form} instead of ${form}`];
    }),
  ];
  return {
    sets,
    chains,
    alien,
    altered: chains.both.filter(
      ({ wanted, found }) => wanted.rules.map(({ comment }) => comment).join() !== found.comments.join(),
    ),
    elements: sets.both.map(({ name, wanted, found }) => compareElements(name, wanted, found)),
  };
}

/** What is new, then all else: removals first, and last what nothing leads to any more. */
function repairTransactions({
  sets,
  chains,
  altered,
  elements,
}: TableDifference): readonly (readonly MessageBody[])[] {
  const emptied = [...chains.surplus, ...altered.map(({ name }) => name)];
  const ahead = [
    ...sets.missing.map(({ declaration }, index) => createSet(POLICY_TABLE, declaration, index + 1)),
    ...sets.missing.filter(isPlain).flatMap(additionsTo),
    ...chains.missing.flatMap(createChainBodies),
  ];
  const rest = [
    ...elements.flatMap(({ removals }) => removals),
    ...emptied.map((name) => deleteRules(POLICY_TABLE, name)),
    ...altered.flatMap(({ wanted }) => wanted.rules.map((rule) => appendRule(POLICY_TABLE, rule))),
    ...elements.flatMap(({ additions }) => additions),
    ...sets.missing.filter((set) => !isPlain(set)).flatMap(additionsTo),
    ...chains.surplus.map((name) => deleteChain(POLICY_TABLE, name)),
    ...sets.surplus.map((name) => deleteSet(POLICY_TABLE, name)),
  ];
  return [ahead, rest].filter(({ length }) => length > 0);
}

function isPlain({ declaration }: SetPlan): boolean {
  return !declaration.isVerdictMap;
}

function additionsTo(set: SetPlan): readonly MessageBody[] {
  return addElements(setKey(set.declaration.name), kernelElements(set));
}

interface Comparison<Wanted, Found> {
  readonly missing: readonly Wanted[];
  readonly both: readonly { readonly name: string; readonly wanted: Wanted; readonly found: Found }[];
  readonly surplus: readonly string[];
}

function compareByName<Wanted, Found>(
  wanted: ReadonlyMap<string, Wanted>,
  found: ReadonlyMap<string, Found>,
): Comparison<Wanted, Found> {
  return {
    missing: [...wanted].flatMap(([name, item]) => (found.has(name) ? [] : [item])),
    both: [...wanted].flatMap(([name, item]) => {
      const other = found.get(name);
      return other === undefined ? [] : [{ name, wanted: item, found: other }];
    }),
    surplus: [...found.keys()].filter((name) => !wanted.has(name)),
  };
}

interface ElementsRepair {
  readonly faults: readonly string[];
  readonly removals: readonly MessageBody[];
  readonly additions: readonly MessageBody[];
}

function compareElements(name: string, wanted: SetPlan, found: ObservedSet): ElementsRepair {
  if (found.isOdd)
    return {
      faults: [`set ${name} has elements that are not ours`],
      removals: [flushElements(setKey(name))],
      additions: additionsTo(wanted),
    };
  const differ = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): readonly string[] =>
    [...a].flatMap(([key, value]) => (b.get(key) === value ? [] : [key]));
  const [lacking, surplus] = [
    differ(wanted.elements, found.elements),
    differ(found.elements, wanted.elements),
  ];
  return {
    faults: [
      ...(lacking.length === 0 ? [] : [`set ${name} lacks ${listElements(lacking)}`]),
      ...(surplus.length === 0 ? [] : [`set ${name} has unexpected elements ${listElements(surplus)}`]),
    ],
    removals: deleteElements(setKey(name), kernelElements(wanted, surplus)),
    additions: addElements(setKey(name), kernelElements(wanted, lacking)),
  };
}

/** Elements of a set, all or those with these keys; what is to go needs its key alone. */
function kernelElements(
  { declaration, elements }: SetPlan,
  keys: Iterable<string> = elements.keys(),
): readonly NftElement[] {
  if (!declaration.isVerdictMap) return Array.from(keys).flatMap((key) => codecOf(declaration).parse(key));
  return Array.from(keys, (address) =>
    podElement({ address, chain: (elements.get(address) ?? "").replace("jump ", "") }),
  );
}
