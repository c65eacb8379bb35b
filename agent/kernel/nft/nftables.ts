import type { Family } from "../../net/address.ts";
import { changeElements } from "../../netlink/nft/nft-elements.ts";
import { getGeneration, parseGeneration } from "../../netlink/nft/nft-generation.ts";
import {
  asObserved,
  diffElements,
  diffTable,
  type ObservedTable,
  type TablePair,
} from "../../plan/nft/diff-table.ts";
import { describeHarm } from "../../plan/rules/forward-chain.ts";
import { type PortBinding, planPortElements } from "../../plan/pods/host-ports.ts";
import { withElements } from "../../plan/rules/ruleset.ts";
import { formatRuleset } from "../../plan/nft/format-table.ts";
import { type Ruleset, TABLE_NAME } from "../../plan/nft/nft-table.ts";
import { formatUpdate } from "../../plan/nft/ruleset-update.ts";
import {
  formatSourceElement,
  planSourceElements,
  type SourceBinding,
  type SourceElement,
} from "../../plan/pods/sources.ts";
import { identifyForwardChains, listForwardChains } from "./forward-chains.ts";
import { listTable } from "./list-table.ts";
import { portSetElement } from "./port-elements.ts";
import type { Rtnetlink } from "../socket/rtnetlink.ts";
import { describeOldNft, runNft } from "./run-nft.ts";
import { createSharedLock } from "../../lib/shared-lock.ts";
import { sourceSetElement } from "./source-elements.ts";

/**
 * Our tables. Changes go through the nft program, the only documented interface of nftables, but for attachments' elements: those are many and
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
  /** Chains of others that may cost pods traffic, in words; asked of nft only when they, or their rules, have changed. */
  listHazards(bridge: string, families: readonly Family[]): Promise<readonly string[]>;
  /** What differs from the ruleset of the last `ensure`. `afresh`: read from the kernel even if nobody has changed anything since. */
  check(options?: { readonly afresh: boolean }): Promise<readonly string[]>;
  /**
   * Lets an attachment send from its addresses: `attach` makes it, with the admission in front of its steps, and answers "not admitted" where the
   * kernel has refused that; it is then called again without, once all tables are as planned. What is answered by a word is as if it had not
   * been asked for.
   */
  admit<Outcome>(
    sources: SourceBinding,
    attach: (admission: Admission | undefined) => Promise<Outcome | "not admitted">,
  ): Promise<Outcome>;
  /** Leads host ports to their attachment, now and in every `ensure` from here on. What has failed is as if it had not been asked for. */
  addHostPorts(binding: PortBinding): Promise<void>;
  /** The end of what these attachments have; gives what their host ports were. */
  removePods(hostLinks: readonly string[]): Promise<readonly PortBinding[]>;
  /** Attachments that are older than the agent: the next `ensure` sees to what they have. */
  adoptPods(pods: readonly AdoptedPod[]): Promise<void>;
  hostPorts(): readonly PortBinding[];
}

/** How an attachment is let in: its first step goes to this socket, and whoever sends it tells when the kernel has made it so. */
export interface Admission {
  readonly socket: number;
  readonly made: () => void;
}

/** What one attachment has in our tables. */
interface PodElements {
  readonly sources?: SourceBinding | undefined;
  readonly ports?: PortBinding | undefined;
}

export interface AdoptedPod extends PodElements {
  readonly hostLink: string;
}

export interface NftablesInput {
  /**
   * Is asked for the generation of the namespace's rulesets, so that nobody has to look as long as it is the one that was verified; for what the
   * kernel has; and to change attachments' elements.
   */
  readonly netfilter: Pick<Rtnetlink, "execute" | "tryExecute" | "withSocket" | "dump">;
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

const MAX_ATTEMPTS = 3;

export function createNftables({ netfilter, onRestored }: NftablesInput): Nftables {
  const pods = new Map<string, PodElements>();
  /** The ruleset without attachments' elements: those that are wanted are in it whenever this is set. Our own transactions take it along. */
  let verified: { readonly generation: number; readonly ruleset: Ruleset } | undefined;
  let current: Ruleset | undefined;
  let hazards: { readonly key: string; readonly found: readonly string[] } | undefined;
  /** Attachments come and go beside each other; who looks at the tables meanwhile would take what is half done for damage. */
  const turns = createSharedLock();

  const hostPorts = (): PortBinding[] => [...pods.values()].flatMap(({ ports }) => ports ?? []);
  const complete = (ruleset: Ruleset): Ruleset =>
    withElements(
      ruleset,
      hostPorts().flatMap(planPortElements),
      [...pods.values()].flatMap(({ sources }) => (sources === undefined ? [] : planSourceElements(sources))),
    );
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
    if (before.tables.some(lacksHostPorts)) onRestored(hostPorts());
    // To list thousands of elements would cost more than to change one. nft has succeeded, and each transaction is one generation
    // (nf_tables_commit of net/netfilter/nf_tables_api.c): if there are no more, nobody else has changed anything.
    const isOurs =
      count !== undefined && before.isKnown && (await readGeneration()) === before.generation + count;
    if (isOurs) verified = { generation: before.generation + count, ruleset };
    else await verify(ruleset);
    return found;
  };

  /** A transaction of ours was made: if nobody else has made one, the rulesets' generation is the next. */
  const advance = (): void => {
    if (verified !== undefined) verified = { ...verified, generation: nextGeneration(verified.generation) };
  };
  /** The tables are not as they were left: all of them are looked at. */
  const putRight = async (): Promise<void> => {
    const ruleset = current;
    if (ruleset === undefined) throw new Error("Cannot change nftables elements: there are no tables yet");
    for (let attempt = 1; ; attempt++) {
      try {
        await turns.exclusive(() => ensure(ruleset));
        return;
      } catch (error) {
        // Who has flushed the rulesets once may do so again between our change and our look at it.
        if (attempt === MAX_ATTEMPTS) throw error;
      }
    }
  };
  /** One transaction about attachments' elements, once `register` has noted what is wanted from now on. */
  const change = async (
    verb: "add" | "delete",
    register: () => { readonly ports: readonly PortBinding[]; readonly sources: readonly SourceElement[] },
  ): Promise<void> => {
    const isMade = await turns.shared(async () => {
      const changed = register();
      const elements = [
        ...changed.ports.flatMap(planPortElements).map(portSetElement),
        ...changed.sources.map(sourceSetElement),
      ];
      if (elements.length === 0) return true;
      try {
        const request = changeElements({ table: TABLE_NAME, verb, elements });
        const [outcome] = (await netfilter.tryExecute([{ requests: [request] }])).flat();
        if (outcome?.status !== "failed") advance();
        return outcome?.status !== "failed";
      } catch {
        return false;
      }
    });
    if (isMade) return;
    verified = undefined;
    await putRight();
  };
  /** Takes back what a failed ADD was admitted with; what cannot be taken back now is what the next `ensure` finds too much. */
  const dismiss = async (sources: SourceBinding, before: PodElements | undefined): Promise<void> => {
    const kept = new Set(
      (before?.sources ? planSourceElements(before.sources) : []).map(formatSourceElement),
    );
    await change("delete", () => {
      if (before === undefined) pods.delete(sources.hostLink);
      else pods.set(sources.hostLink, before);
      const elements = planSourceElements(sources).filter((own) => !kept.has(formatSourceElement(own)));
      return { ports: [], sources: elements };
    }).catch(() => undefined); // the ADD's own failure is what is told
  };

  return {
    async admit(sources, attach) {
      const before = pods.get(sources.hostLink);
      try {
        let outcome = await turns.shared(() => {
          pods.set(sources.hostLink, { sources });
          return netfilter.withSocket((socket) => attach({ socket, made: advance }));
        });
        if (outcome === "not admitted") {
          verified = undefined;
          await putRight();
          outcome = await turns.shared(() => attach(undefined));
        }
        if (outcome === "not admitted") throw new Error(`Cannot admit "${sources.hostLink}": it was refused`);
        if (typeof outcome === "string") await dismiss(sources, before);
        return outcome;
      } catch (error) {
        await dismiss(sources, before);
        throw error;
      }
    },
    async addHostPorts(binding) {
      const { hostLink } = binding;
      const before = pods.get(hostLink);
      try {
        await change("add", () => {
          pods.set(hostLink, { ...before, ports: binding });
          return { ports: [binding], sources: [] };
        });
      } catch (error) {
        if (before === undefined) pods.delete(hostLink);
        else pods.set(hostLink, before);
        throw error;
      }
    },
    async removePods(hostLinks) {
      let ports: readonly PortBinding[] = [];
      await change("delete", () => {
        const removed = hostLinks.flatMap((hostLink) => pods.get(hostLink) ?? []);
        for (const hostLink of hostLinks) pods.delete(hostLink);
        ports = removed.flatMap((pod) => pod.ports ?? []);
        const sources = removed.flatMap((pod) =>
          pod.sources === undefined ? [] : planSourceElements(pod.sources),
        );
        return { ports, sources };
      });
      return ports;
    },
    async adoptPods(adopted) {
      if (adopted.length === 0) return;
      // At once: a DEL that comes next has to find them.
      for (const { hostLink, ...elements } of adopted) pods.set(hostLink, elements);
      await turns.exclusive(async () => {
        verified = undefined;
      });
    },
    hostPorts,
    ensure: (ruleset) => turns.exclusive(() => ensure(ruleset)),
    verifiedGeneration: () => turns.exclusive(() => Promise.resolve(verified?.generation ?? 0)),
    async listHazards(bridge, families) {
      // Before nft is asked: a change while it lists makes the next look a real one.
      const chainKey = await identifyForwardChains(netfilter, families);
      const key = [chainKey, bridge, ...families].join(" ");
      if (hazards?.key !== key) {
        const chains = chainKey === "" ? [] : await listForwardChains(families);
        const found = chains.flatMap((chain) => {
          const harm = describeHarm(chain, bridge);
          return harm === undefined ? [] : [`${harm.evidence}; on the node run: ${harm.remedy}`];
        });
        hazards = { key, found };
      }
      return hazards.found;
    },
    check: ({ afresh } = { afresh: false }) =>
      turns.exclusive(async () => {
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
