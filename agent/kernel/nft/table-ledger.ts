import {
  asObserved,
  diffElements,
  diffTable,
  type ObservedTable,
  type TablePair,
} from "../../plan/nft/diff-table.ts";
import { type NftTable, type Ruleset, TABLE_NAME } from "../../plan/nft/nft-table.ts";
import { formatRenewal } from "../../plan/nft/ruleset-update.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { updateTables } from "./apply-tables.ts";
import type { Generations, TableGeneration } from "./generations.ts";
import { listTable } from "./list-table.ts";
import { readGeneration } from "./read-generation.ts";
import { runNft } from "./run-nft.ts";

/**
 * What our tables must be, and at which generation of the namespace's rulesets they were seen to be so. Its
 * callers take turns.
 */
export interface TableLedger {
  /** See {@link Nftables.ensure}. */
  ensure(ruleset: Ruleset): Promise<readonly string[]>;
  /** What differs from the ruleset of the last `ensure`; undefined before that. */
  check(): Promise<readonly string[] | undefined>;
  /** See {@link Nftables.renewFlows}. */
  renewFlows(): Promise<void>;
  /** The ruleset of the last `ensure`. */
  current(): Ruleset | undefined;
  verifiedGeneration(): number;
  /** A transaction of ours was made: see {@link Generations.advance}. */
  advance(): void;
  /** The next look is a real one. */
  distrust(): void;
}

export interface TableLedgerInput {
  readonly netfilter: Pick<NetlinkClient, "execute" | "tryExecute" | "dump" | "withSocket">;
  /** Those of these links that are there: a flow table can have no others. */
  readonly findLinks: (names: readonly string[]) => Promise<readonly string[]>;
  readonly generations: Generations;
  /** Adds to a ruleset what attachments have, as it is wanted now. */
  readonly complete: (ruleset: Ruleset) => Ruleset;
  /** Host ports did not lead to their pods until now. */
  readonly onRestored: () => void;
}

/** All tables at one generation of the namespace's rulesets. */
interface Observation {
  readonly generation: number;
  /** See {@link TableGeneration.look}. */
  readonly seen: (generation: number) => void;
  /**
   * Whether nobody has changed anything since all was as planned: then what was planned stands for the
   * kernel's.
   */
  readonly isKnown: boolean;
  readonly tables: readonly TablePair[];
}

export function createTableLedger(input: TableLedgerInput): TableLedger {
  const { netfilter, generations, findLinks, complete, onRestored } = input;
  const known = generations.open(TABLE_NAME);
  /** Without attachments' elements: those that are wanted are in the tables, too. */
  let verified: Ruleset | undefined;
  let current: Ruleset | undefined;

  const observe = (ruleset: Ruleset): Promise<Observation> =>
    observeTables({ ...input, known, verified: () => verified }, ruleset);
  /** What differs; when nothing does, this is remembered. */
  const judge = (ruleset: Ruleset, { generation, seen, tables }: Observation): readonly string[] => {
    const found = tables.flatMap(diffTable);
    known.distrust();
    if (found.length === 0) {
      verified = ruleset;
      seen(generation);
    }
    return found;
  };
  const verify = async (ruleset: Ruleset): Promise<void> => {
    const left = judge(ruleset, await observe(ruleset));
    if (left.length > 0) throw new Error(`Cannot verify nftables tables: ${left.join("; ")}`);
  };

  /**
   * To list thousands of elements would cost more than to change one. nft has succeeded, and each transaction
   * is one generation (nf_tables_commit of net/netfilter/nf_tables_api.c): if there are no more, nobody else
   * has changed anything.
   */
  const conclude = async (
    ruleset: Ruleset,
    before: Observation,
    count: number | undefined,
  ): Promise<void> => {
    const isOurs =
      count !== undefined &&
      before.isKnown &&
      (await readGeneration(netfilter)) === before.generation + count;
    if (!isOurs) return verify(ruleset);
    verified = ruleset;
    before.seen(before.generation + count);
  };

  return {
    async ensure(ruleset) {
      current = ruleset;
      const before = await observe(ruleset);
      const found = judge(ruleset, before);
      if (found.length === 0) return found;
      const count = await updateTables(before.tables);
      if (before.tables.some(lacksHostPorts)) onRestored();
      await conclude(ruleset, before, count);
      return found;
    },
    async renewFlows() {
      if (current?.some(({ flowTable }) => flowTable !== undefined) !== true) return;
      const before = await observe(current);
      const tables = await withLinks(complete(current), findLinks);
      known.distrust();
      await runNft(["-f", "-"], tables.map(formatRenewal).join(""));
      await conclude(current, before, 1);
    },
    check: async () => current && judge(current, await observe(current)),
    current: () => current,
    verifiedGeneration: known.expected,
    advance: generations.advance,
    distrust: known.distrust,
  };
}

interface ObserverInput extends Pick<TableLedgerInput, "netfilter" | "complete" | "findLinks"> {
  readonly known: TableGeneration;
  readonly verified: () => Ruleset | undefined;
}

/** The generation is read first: a change while the tables are listed makes the next look a real one. */
async function observeTables(
  { netfilter, complete, findLinks, known: table, verified }: ObserverInput,
  ruleset: Ruleset,
): Promise<Observation> {
  const seen = table.look();
  const generation = await readGeneration(netfilter);
  // Read afterwards: whoever distrusts the tables meanwhile has them looked at.
  const known = table.expected() === generation ? verified() : undefined;
  if (known === ruleset) return { generation, seen, isKnown: true, tables: [] };
  const completeKnown = known && complete(known);
  const tables: TablePair[] = [];
  for (const planned of await withLinks(complete(ruleset), findLinks)) {
    const { family } = planned;
    const observed =
      completeKnown === undefined ? await listTable(netfilter, planned) : observedOf(completeKnown, family);
    tables.push({ planned, observed });
  }
  return { generation, seen, isKnown: known !== undefined, tables };
}

/** Without devices of flow tables that are gone: the kernel takes them out by itself. */
async function withLinks(
  ruleset: Ruleset,
  findLinks: TableLedgerInput["findLinks"],
): Promise<readonly NftTable[]> {
  if (ruleset.every(({ flowTable }) => flowTable === undefined)) return ruleset;
  const found = new Set(await findLinks(ruleset.flatMap(({ flowTable }) => flowTable?.devices ?? [])));
  return ruleset.map(({ flowTable, ...table }) => {
    if (flowTable === undefined) return table;
    const devices = flowTable.devices.filter((device) => found.has(device));
    return { ...table, flowTable: { ...flowTable, devices } };
  });
}

function lacksHostPorts({ planned, observed }: TablePair): boolean {
  return planned.sets.some((set) => {
    if (set.values === undefined) return false;
    const found = observed?.sets.find(({ name }) => name === set.name);
    return found === undefined ? set.elements.length > 0 : diffElements(set, found).added.length > 0;
  });
}

function observedOf(ruleset: Ruleset, family: string): ObservedTable | undefined {
  const table = ruleset.find((candidate) => candidate.family === family);
  return table && asObserved(table);
}
