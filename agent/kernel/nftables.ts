import { spawn } from "node:child_process";
import { getGeneration, parseGeneration } from "../netlink/nft-generation.ts";
import {
  formatRuleset,
  type NftChain,
  type NftSet,
  type NftTable,
  type Ruleset,
  ruleComment,
  TABLE_NAME,
} from "../plan/ruleset.ts";

import { describeDropPolicies, type ListedObject } from "./foreign-chains.ts";
import type { Rtnetlink } from "./rtnetlink.ts";

/** nft takes milliseconds; one that hangs must not hold up the node for ever. */
const NFT_TIMEOUT_MS = 10_000;

/** The table as the kernel has it, with rules known by their comments. */
interface ObservedTable {
  readonly sets: readonly NftSet[];
  readonly chains: readonly (Omit<NftChain, "rules"> & { readonly comments: readonly string[] })[];
}

/** An object of `nft -j list`; see libnftables-json(5). */
interface NftObject {
  readonly set?: {
    readonly name: string;
    readonly type: NftSet["type"];
    readonly elem?: readonly NftElement[];
  };
  readonly chain?: Pick<NftChain, "name" | "type" | "hook"> & { readonly prio: number };
  readonly rule?: { readonly chain: string; readonly comment?: string };
}

type NftElement = string | { readonly prefix: { readonly addr: string; readonly len: number } };

/** Our tables. Works through the nft program, the only documented interface of nftables. */
export interface Nftables {
  /**
   * Replaces the table when it differs from the plan, in one transaction, and reads it back: what nft accepted but the kernel does not
   * have is an error. Tells what differed.
   */
  ensure(ruleset: Ruleset): Promise<readonly string[]>;
  /** The last generation at which all was seen to be as planned; 0 before. */
  verifiedGeneration(): number;
  /** Chains of others that may cost pods traffic, in words; asked of nft only when some ruleset of the machine has changed. */
  listHazards(bridge: string): Promise<readonly string[]>;
  /** What differs from the ruleset of the last `ensure`. */
  check(): Promise<readonly string[]>;
}

/**
 * `netfilter` is asked for the generation of the namespace's rulesets: as long as it is the one that was verified, no nft process has to
 * look.
 */
export function createNftables(netfilter: Pick<Rtnetlink, "execute">): Nftables {
  let verified: { readonly generation: number; readonly ruleset: Ruleset } | undefined;
  let current: Ruleset | undefined;
  let hazards: { readonly generation: number; readonly found: readonly string[] } | undefined;

  const readGeneration = async (): Promise<number> => {
    const [[[reply] = []] = []] = await netfilter.execute([{ requests: [getGeneration()] }]);
    return parseGeneration(reply?.payload ?? Buffer.alloc(0));
  };
  /** The generation is read first: a change while nft lists makes the next look a real one. */
  const differences = async (ruleset: Ruleset): Promise<readonly string[]> => {
    const generation = await readGeneration();
    if (verified?.generation === generation && isSame(verified.ruleset, ruleset)) return [];
    const found: string[] = [];
    for (const table of ruleset) found.push(...diffTable(table, await listTable(table.family)));
    verified = found.length === 0 ? { generation, ruleset } : undefined;
    return found;
  };
  /**
   * Puts other elements into the sets of a table that is known to be as it was left. To list thousands of them afterwards would cost as much as
   * to write them: nft has succeeded, and the generation is the next one, so that nobody else has changed anything.
   */
  const replaceElements = async (ruleset: Ruleset): Promise<boolean> => {
    const generation = await readGeneration();
    if (verified?.generation !== generation || !hasSameForm(verified.ruleset, ruleset)) return false;
    await applyTables(ruleset);
    if ((await readGeneration()) !== generation + 1) return false;
    verified = { generation: generation + 1, ruleset };
    return true;
  };

  return {
    async ensure(ruleset) {
      if (current !== undefined && !isSame(current, ruleset) && (await replaceElements(ruleset))) {
        current = ruleset;
        return ["the elements of its sets are others"];
      }
      current = ruleset;
      const found = await differences(ruleset);
      if (found.length === 0) return found;
      await applyTables(ruleset);
      const left = await differences(ruleset);
      if (left.length === 0) return found;
      throw new Error(`Cannot verify nftables tables: ${left.join("; ")}`);
    },
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
    async check() {
      if (current === undefined) return ["nftables tables were never applied"];
      return (await differences(current)).map((difference) => `nftables: ${difference}`);
    },
  };
}

async function applyTables(ruleset: Ruleset): Promise<void> {
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

function isSame(a: Ruleset, b: Ruleset): boolean {
  return a === b || formatRuleset(a) === formatRuleset(b);
}

/** Whether two rulesets differ in the elements of their sets at most. */
function hasSameForm(a: Ruleset, b: Ruleset): boolean {
  const form = (ruleset: Ruleset): string =>
    JSON.stringify(
      ruleset.map(({ sets, ...table }) => ({ ...table, sets: sets.map(({ name, type }) => [name, type]) })),
    );
  return form(a) === form(b);
}

/** What a table of the kernel has not as planned, in words. */
function diffTable(planned: NftTable, observed: ObservedTable | undefined): readonly string[] {
  const table = `table ${planned.family} ${TABLE_NAME}`;
  if (observed === undefined) return [`${table} is missing`];
  const describe = (
    kind: string,
    plans: readonly { name: string }[],
    facts: readonly { name: string }[],
  ): string[] => {
    const wanted = new Map(plans.map((item) => [item.name, JSON.stringify(item)]));
    const found = new Map(facts.map((item) => [item.name, JSON.stringify(item)]));
    const names = [...new Set([...wanted.keys(), ...found.keys()])];
    return names
      .filter((name) => wanted.get(name) !== found.get(name))
      .map(
        (name) =>
          `${table}: ${kind} ${name} is ${found.get(name) ?? "missing"} instead of ${wanted.get(name) ?? "absent"}`,
      );
  };
  const plannedSets = planned.sets.map((set) => ({ ...set, elements: set.elements.toSorted() }));
  const plannedChains = planned.chains.map(({ rules, ...chain }) => ({
    ...chain,
    comments: rules.map(ruleComment),
  }));
  return [
    ...describe("set", plannedSets, observed.sets),
    ...describe("chain", plannedChains, observed.chains),
  ];
}

async function listTable(family: NftTable["family"]): Promise<ObservedTable | undefined> {
  let said: string;
  try {
    said = await runNft(["-j", "list", "table", family, TABLE_NAME], "");
  } catch (error) {
    if (error instanceof Error && error.message.includes("No such file or directory")) return undefined;
    throw error;
  }
  try {
    const { nftables } = JSON.parse(said) as { nftables: readonly NftObject[] };
    return readTable(nftables);
  } catch (cause) {
    // nft 1.0.6 breaks off, and exits 0, on a table that another program owns (flags owner).
    throw new Error(`Cannot read nftables table ${family} ${TABLE_NAME}: nft lists it in broken JSON`, {
      cause,
    });
  }
}

function readTable(objects: readonly NftObject[]): ObservedTable {
  const comments = (chain: string): string[] =>
    objects.flatMap(({ rule }) => (rule?.chain === chain ? [rule.comment ?? "without comment"] : []));
  return {
    sets: objects.flatMap(({ set }) => {
      if (set === undefined) return [];
      return [{ name: set.name, type: set.type, elements: (set.elem ?? []).map(formatElement).toSorted() }];
    }),
    chains: objects.flatMap(({ chain }) => {
      if (chain === undefined) return [];
      const { name, type, hook, prio } = chain;
      return [{ name, type, hook, priority: prio, comments: comments(name) }];
    }),
  };
}

function formatElement(element: NftElement): string {
  return typeof element === "string" ? element : `${element.prefix.addr}/${element.prefix.len}`;
}

/** Runs nft and gives its stdout; an error carries the first line of what nft said. */
async function runNft(args: readonly string[], input: string): Promise<string> {
  const child = spawn("nft", args, {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: NFT_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const chunks: { readonly out: Buffer[]; readonly err: Buffer[] } = { out: [], err: [] };
  child.stdout.on("data", (chunk: Buffer) => chunks.out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.err.push(chunk));
  child.stdin.on("error", () => undefined); // nft that ends early reports itself by its exit code
  child.stdin.end(input);
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`Cannot run nft: ${cause.message}`, { cause })));
    child.once("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
  });
  if (code === 0) return Buffer.concat(chunks.out).toString("utf8");
  const reason = Buffer.concat(chunks.err).toString("utf8").trim().split("\n").slice(0, 2).join(" ");
  throw new Error(`Cannot run nft ${args.join(" ")}: exit ${code} (${reason})`);
}
