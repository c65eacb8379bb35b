import type { Family } from "../net/address.ts";
import { getGeneration, parseGeneration } from "../netlink/nft-generation.ts";
import {
  asObserved,
  diffElements,
  diffTable,
  type ObservedTable,
  type TablePair,
} from "../plan/diff-table.ts";
import { describeHarm } from "../plan/forward-chain.ts";
import { type PortBinding, planPortElements } from "../plan/host-ports.ts";
import { formatRuleset, type Ruleset, TABLE_NAME, withHostPorts } from "../plan/ruleset.ts";
import { formatUpdate } from "../plan/ruleset-update.ts";
import { listForwardChains } from "./forward-chains.ts";
import { changePortElements } from "./host-port-rules.ts";
import { listTable } from "./list-table.ts";
import type { Rtnetlink } from "./rtnetlink.ts";
import { describeOldNft, runNft } from "./run-nft.ts";

/**
 * Our tables. Changes go through the nft program, the only documented interface of nftables, but for the elements of host ports: those are many and
 * urgent. What the kernel has is read from the kernel.
 */
export interface Nftables {
  /**
   * Changes what differs from the plan, so that packets meet what was or what will be, and sees to it that the kernel has it: what nft accepted
   * but the kernel does not have is an error. Tells what differed.
   */
  ensure(ruleset: Ruleset): Promise<readonly string[]>;
  /** The last generation at which all was seen to be as planned, once what is being done is done; 0 before. */
  verifiedGeneration(): Promise<number>;
  /** Chains of others that may cost pods traffic, in words; asked of nft only when some ruleset of the machine has changed. */
  listHazards(bridge: string, families: readonly Family[]): Promise<readonly string[]>;
  /** What differs from the ruleset of the last `ensure`. `afresh`: read from the kernel even if nobody has changed anything since. */
  check(options?: { readonly afresh: boolean }): Promise<readonly string[]>;
  /** Leads host ports to their attachment, now and in every `ensure` from here on. What has failed is as if it had not been asked for. */
  addHostPorts(binding: PortBinding): Promise<void>;
  /** The end of the host ports of these attachments; gives what they were. Costs nothing for those that have none. */
  removeHostPorts(hostLinks: readonly string[]): Promise<readonly PortBinding[]>;
  /** The same as `addHostPorts` for attachments that are older than the agent: the next `ensure` sees to them. */
  adoptHostPorts(bindings: readonly PortBinding[]): Promise<void>;
  hostPorts(): readonly PortBinding[];
}

export interface NftablesInput {
  /**
   * Is asked for the generation of the namespace's rulesets, so that nobody has to look as long as it is the one that was verified; for what the
   * kernel has; and to change the elements of host ports.
   */
  readonly netfilter: Pick<Rtnetlink, "execute" | "tryExecute" | "dump">;
  /** Host ports did not lead to their pods until now, because somebody took them away or nobody was there. */
  readonly onRestored: (bindings: readonly PortBinding[]) => void;
}

/** All tables at one generation of the namespace's rulesets. */
interface Observation {
  readonly generation: number;
  /** Whether nobody has changed anything since all was as planned: then what was planned stands for the kernel's. */
  readonly isKnown: boolean;
  readonly tables: readonly TablePair[];
}

export function createNftables({ netfilter, onRestored }: NftablesInput): Nftables {
  const bindings = new Map<string, PortBinding>();
  /** The ruleset without host ports: those that are wanted are in it whenever this is set. */
  let verified: { readonly generation: number; readonly ruleset: Ruleset } | undefined;
  let current: Ruleset | undefined;
  let hazards: { readonly key: string; readonly found: readonly string[] } | undefined;
  const inTurn = createTurns();

  const complete = (ruleset: Ruleset): Ruleset =>
    withHostPorts(ruleset, [...bindings.values()].flatMap(planPortElements));
  const readGeneration = async (): Promise<number> => {
    const [[[reply] = []] = []] = await netfilter.execute([{ requests: [getGeneration()] }]);
    return parseGeneration(reply?.payload ?? Buffer.alloc(0));
  };
  /** The generation is read first: a change while nft lists makes the next look a real one. */
  const observe = async (ruleset: Ruleset): Promise<Observation> => {
    const generation = await readGeneration();
    const known = verified?.generation === generation ? verified.ruleset : undefined;
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
    const count = await update(complete(ruleset), before.tables);
    if (before.tables.some(lacksHostPorts)) onRestored([...bindings.values()]);
    // To list thousands of elements would cost more than to change one. nft has succeeded, and each transaction is one generation
    // (nf_tables_commit of net/netfilter/nf_tables_api.c): if there are no more, nobody else has changed anything.
    const isOurs =
      count !== undefined && before.isKnown && (await readGeneration()) === before.generation + count;
    if (isOurs) verified = { generation: before.generation + count, ruleset };
    else await verify(ruleset);
    return found;
  };

  /** Brings the elements of some attachments into the kernel, or out of it; `bindings` has been changed already. */
  const changeElements = async (verb: "add" | "delete", changed: readonly PortBinding[]): Promise<void> => {
    const before = verified;
    verified = undefined;
    const outcome = await changePortElements(netfilter, {
      verb,
      bindings: changed,
      generation: before?.generation,
    });
    if (before !== undefined && outcome === "next generation")
      verified = { ruleset: before.ruleset, generation: nextGeneration(before.generation) };
    if (outcome === "refused" && current !== undefined) await ensure(current);
  };

  return {
    addHostPorts: (binding) =>
      inTurn(async () => {
        bindings.set(binding.hostLink, binding);
        try {
          await changeElements("add", [binding]);
        } catch (error) {
          bindings.delete(binding.hostLink);
          throw error;
        }
      }),
    async removeHostPorts(hostLinks) {
      if (!hostLinks.some((hostLink) => bindings.has(hostLink))) return [];
      return inTurn(async () => {
        const removed = hostLinks.flatMap((hostLink) => bindings.get(hostLink) ?? []);
        for (const { hostLink } of removed) bindings.delete(hostLink);
        await changeElements("delete", removed);
        return removed;
      });
    },
    async adoptHostPorts(adopted) {
      if (adopted.length === 0) return;
      // At once: a DEL that comes next has to find them.
      for (const binding of adopted) bindings.set(binding.hostLink, binding);
      await inTurn(async () => {
        verified = undefined;
      });
    },
    hostPorts: () => [...bindings.values()],
    ensure: (ruleset) => inTurn(() => ensure(ruleset)),
    verifiedGeneration: () => inTurn(() => Promise.resolve(verified?.generation ?? 0)),
    async listHazards(bridge, families) {
      const key = [await readGeneration(), bridge, ...families].join(" ");
      if (hazards?.key !== key) {
        const chains = await listForwardChains(families);
        const found = chains.flatMap((chain) => {
          const harm = describeHarm(chain, bridge);
          return harm === undefined ? [] : [`${harm.evidence}; on the node run: ${harm.remedy}`];
        });
        hazards = { key, found };
      }
      return hazards.found;
    },
    check: ({ afresh } = { afresh: false }) =>
      inTurn(async () => {
        if (afresh) verified = undefined;
        if (current === undefined) return ["nftables tables were never applied"];
        const found = judge(current, await observe(current));
        return found.map((difference) => `nftables: ${difference}`);
      }),
  };
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
    const remedy = await describeOldNft();
    if (remedy !== undefined) throw new Error(`Cannot apply nftables tables: ${remedy}`, { cause });
    if (!(await lacksBridgeFamily())) throw cause;
    const needed = "it needs CONFIG_NF_TABLES_BRIDGE, which distributions' kernels have";
    throw new Error(`Cannot apply nftables tables: this kernel has no family bridge; ${needed}`, { cause });
  }
}

/** Asked only after a failure, since nft's own words are the same for whatever the kernel does not know. An nft that does nothing at all tells nothing. */
async function lacksBridgeFamily(): Promise<boolean> {
  return (await knowsFamily("inet")) && !(await knowsFamily("bridge"));
}

function knowsFamily(family: string): Promise<boolean> {
  return runNft(["--check", "--file", "-"], `add table ${family} ${TABLE_NAME}\n`).then(
    () => true,
    () => false,
  );
}
