import { getGeneration, parseGeneration } from "../netlink/nft-generation.ts";
import { asObserved, diffTable, type ObservedTable, type TablePair } from "../plan/diff-table.ts";
import { formatRuleset, type Ruleset, TABLE_NAME } from "../plan/ruleset.ts";
import { formatUpdate } from "../plan/ruleset-update.ts";
import { describeDropPolicies, type ListedObject } from "./foreign-chains.ts";
import { listTable } from "./list-table.ts";
import type { Rtnetlink } from "./rtnetlink.ts";
import { runNft } from "./run-nft.ts";

/** Our tables. Works through the nft program, the only documented interface of nftables. */
export interface Nftables {
  /**
   * Changes what differs from the plan, so that packets meet what was or what will be, and sees to it that the kernel has it: what nft accepted
   * but the kernel does not have is an error. Tells what differed.
   */
  ensure(ruleset: Ruleset): Promise<readonly string[]>;
  /** The last generation at which all was seen to be as planned; 0 before. */
  verifiedGeneration(): number;
  /** Chains of others that may cost pods traffic, in words; asked of nft only when some ruleset of the machine has changed. */
  listHazards(bridge: string): Promise<readonly string[]>;
  /** What differs from the ruleset of the last `ensure`. */
  check(): Promise<readonly string[]>;
}

/** All tables at one generation of the namespace's rulesets. */
interface Observation {
  readonly generation: number;
  /** Whether nobody has changed anything since all was as planned: then what was planned stands for the kernel's. */
  readonly isKnown: boolean;
  readonly tables: readonly TablePair[];
}

/**
 * `netfilter` is asked for the generation of the namespace's rulesets: as long as it is the one that was verified, no nft process has to
 * look.
 */
export function createNftables(netfilter: Pick<Rtnetlink, "execute">): Nftables {
  let verified: { readonly generation: number; readonly ruleset: Ruleset } | undefined;
  let current: Ruleset | undefined;
  let hazards: { readonly generation: number; readonly found: readonly string[] } | undefined;
  const inTurn = createTurns();

  const readGeneration = async (): Promise<number> => {
    const [[[reply] = []] = []] = await netfilter.execute([{ requests: [getGeneration()] }]);
    return parseGeneration(reply?.payload ?? Buffer.alloc(0));
  };
  /** The generation is read first: a change while nft lists makes the next look a real one. */
  const observe = async (ruleset: Ruleset): Promise<Observation> => {
    const generation = await readGeneration();
    const known = verified?.generation === generation ? verified.ruleset : undefined;
    if (known === ruleset) return { generation, isKnown: true, tables: [] };
    const tables: TablePair[] = [];
    for (const planned of ruleset) {
      const { family } = planned;
      const observed = known === undefined ? await listTable(family) : observedOf(known, family);
      tables.push({ planned, observed });
    }
    return { generation, isKnown: known !== undefined, tables };
  };
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

  const ensure = async (ruleset: Ruleset): Promise<readonly string[]> => {
    current = ruleset;
    const before = await observe(ruleset);
    const found = judge(ruleset, before);
    if (found.length === 0) return found;
    const count = await update(ruleset, before.tables);
    // To list thousands of elements would cost more than to change one. nft has succeeded, and each transaction is one generation
    // (nf_tables_commit of net/netfilter/nf_tables_api.c): if there are no more, nobody else has changed anything.
    const isOurs =
      count !== undefined && before.isKnown && (await readGeneration()) === before.generation + count;
    if (isOurs) verified = { generation: before.generation + count, ruleset };
    else await verify(ruleset);
    return found;
  };

  return {
    ensure: (ruleset) => inTurn(() => ensure(ruleset)),
    verifiedGeneration: () => verified?.generation ?? 0,
    async listHazards(bridge) {
      const generation = await readGeneration();
      if (hazards?.generation !== generation) {
        const { nftables: objects } = JSON.parse(await runNft(["-j", "list", "chains"], "")) as {
          nftables: readonly ListedObject[];
        };
        hazards = { generation, found: describeDropPolicies(objects, bridge) };
      }
      return hazards.found;
    },
    check: () =>
      inTurn(async () => {
        if (current === undefined) return ["nftables tables were never applied"];
        const found = judge(current, await observe(current));
        return found.map((difference) => `nftables: ${difference}`);
      }),
  };
}

/** Who looks while another changes would take what is half done for damage. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined); // the caller gets the failure, the next only the end
    return turn;
  };
}

function observedOf(ruleset: Ruleset, family: string): ObservedTable | undefined {
  const table = ruleset.find((candidate) => candidate.family === family);
  return table && asObserved(table);
}

/**
 * Gives the number of transactions that it took; undefined when something that is not looked at, as objects of others in our tables, stood in
 * the way and went with them.
 */
async function update(ruleset: Ruleset, tables: readonly TablePair[]): Promise<number | undefined> {
  const texts = formatUpdate(tables);
  try {
    for (const text of texts) await runNft(["-f", "-"], text);
    return texts.length;
  } catch {
    await replaceTables(ruleset);
    return undefined;
  }
}

async function replaceTables(ruleset: Ruleset): Promise<void> {
  try {
    await runNft(["-f", "-"], formatRuleset(ruleset));
  } catch (cause) {
    if (await knowsBridgeFamily()) throw cause;
    const remedy = "it needs CONFIG_NF_TABLES_BRIDGE, which distributions' kernels have";
    throw new Error(`Cannot apply nftables tables: this kernel has no family bridge; ${remedy}`, { cause });
  }
}

/** Asked only after a failure, since nft's own words are the same for whatever the kernel does not know. */
async function knowsBridgeFamily(): Promise<boolean> {
  return runNft(["--check", "--file", "-"], `add table bridge ${TABLE_NAME}\n`).then(
    () => true,
    () => false,
  );
}
