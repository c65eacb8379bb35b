import { getGeneration, parseGeneration } from "../../netlink/nft/nft-generation.ts";
import {
  asObserved,
  diffElements,
  diffTable,
  type ObservedTable,
  type TablePair,
} from "../../plan/nft/diff-table.ts";
import type { Ruleset } from "../../plan/nft/nft-table.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { updateTables } from "./apply-tables.ts";
import { listTable } from "./list-table.ts";

/** What our tables must be, and at which generation of the namespace's rulesets they were seen to be so. Its callers take turns. */
export interface TableLedger {
  /** See {@link Nftables.ensure}. */
  ensure(ruleset: Ruleset): Promise<readonly string[]>;
  /** What differs from the ruleset of the last `ensure`; undefined before that. */
  check(): Promise<readonly string[] | undefined>;
  /** The ruleset of the last `ensure`. */
  current(): Ruleset | undefined;
  verifiedGeneration(): number;
  /** A transaction of ours was made: if nobody else has made one, the rulesets' generation is the next. */
  advance(): void;
  /** The next look is a real one. */
  distrust(): void;
}

export interface TableLedgerInput {
  readonly netfilter: Pick<NetlinkClient, "execute" | "tryExecute" | "dump">;
  /** Adds to a ruleset what attachments have, as it is wanted now. */
  readonly complete: (ruleset: Ruleset) => Ruleset;
  /** Host ports did not lead to their pods until now. */
  readonly onRestored: () => void;
}

/** All tables at one generation of the namespace's rulesets. */
interface Observation {
  readonly generation: number;
  /** Whether nobody has changed anything since all was as planned: then what was planned stands for the kernel's. */
  readonly isKnown: boolean;
  readonly tables: readonly TablePair[];
}

/** The ruleset is without attachments' elements: those that are wanted are in the tables, too. Our own transactions take the generation along. */
interface Verified {
  readonly generation: number;
  readonly ruleset: Ruleset;
}

export function createTableLedger({ netfilter, complete, onRestored }: TableLedgerInput): TableLedger {
  let verified: Verified | undefined;
  let current: Ruleset | undefined;

  const observe = (ruleset: Ruleset): Promise<Observation> =>
    observeTables({ netfilter, complete, verified: () => verified }, ruleset);
  /** What differs; when nothing does, this is remembered. */
  const judge = (ruleset: Ruleset, { generation, tables }: Observation): readonly string[] => {
    const found = tables.flatMap(diffTable);
    verified = found.length === 0 ? { generation, ruleset } : undefined;
    return found;
  };
  const verify = async (ruleset: Ruleset): Promise<void> => {
    const left = judge(ruleset, await observe(ruleset));
    if (left.length > 0) throw new Error(`Cannot verify nftables tables: ${left.join("; ")}`);
  };

  return {
    async ensure(ruleset) {
      current = ruleset;
      const before = await observe(ruleset);
      const found = judge(ruleset, before);
      if (found.length === 0) return found;
      const count = await updateTables(complete(ruleset), before.tables);
      if (before.tables.some(lacksHostPorts)) onRestored();
      // To list thousands of elements would cost more than to change one. nft has succeeded, and each transaction is one generation
      // (nf_tables_commit of net/netfilter/nf_tables_api.c): if there are no more, nobody else has changed anything.
      const isOurs =
        count !== undefined &&
        before.isKnown &&
        (await readGeneration(netfilter)) === before.generation + count;
      if (isOurs) verified = { generation: before.generation + count, ruleset };
      else await verify(ruleset);
      return found;
    },
    check: async () => current && judge(current, await observe(current)),
    current: () => current,
    verifiedGeneration: () => verified?.generation ?? 0,
    advance() {
      if (verified !== undefined) verified = { ...verified, generation: nextGeneration(verified.generation) };
    },
    distrust() {
      verified = undefined;
    },
  };
}

async function readGeneration(netfilter: TableLedgerInput["netfilter"]): Promise<number> {
  const [[[reply] = []] = []] = await netfilter.execute([{ requests: [getGeneration()] }]);
  return parseGeneration(reply?.payload ?? Buffer.alloc(0));
}

interface ObserverInput extends Pick<TableLedgerInput, "netfilter" | "complete"> {
  readonly verified: () => Verified | undefined;
}

/** The generation is read first: a change while the tables are listed makes the next look a real one. */
async function observeTables(
  { netfilter, complete, verified }: ObserverInput,
  ruleset: Ruleset,
): Promise<Observation> {
  const generation = await readGeneration(netfilter);
  // Read afterwards: whoever distrusts the tables meanwhile has them looked at.
  const last = verified();
  const known = last?.generation === generation ? last.ruleset : undefined;
  if (known === ruleset) return { generation, isKnown: true, tables: [] };
  const completeKnown = known && complete(known);
  const tables: TablePair[] = [];
  for (const planned of complete(ruleset)) {
    const { family } = planned;
    const observed =
      completeKnown === undefined ? await listTable(netfilter, family) : observedOf(completeKnown, family);
    tables.push({ planned, observed });
  }
  return { generation, isKnown: known !== undefined, tables };
}

/** nf_tables_commit of net/netfilter/nf_tables_api.c: 32 bits, without 0. */
function nextGeneration(generation: number): number {
  return (generation + 1) >>> 0 || 1;
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
