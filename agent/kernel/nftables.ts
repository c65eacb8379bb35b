import { spawn } from "node:child_process";
import {
  formatRuleset,
  type NftChain,
  type NftSet,
  type Ruleset,
  ruleComment,
  TABLE,
} from "../plan/ruleset.ts";

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

/**
 * Replaces our table when it differs from the plan, in one transaction, and reads it back: what nft accepted but the kernel does not
 * have is an error. Works through the nft program, the only documented interface of nftables.
 */
export async function ensureRuleset(ruleset: Ruleset): Promise<"unchanged" | "applied"> {
  if (diffRuleset(ruleset, await listTable()).length === 0) return "unchanged";
  await runNft(["-f", "-"], formatRuleset(ruleset));
  const differences = diffRuleset(ruleset, await listTable());
  if (differences.length === 0) return "applied";
  throw new Error(`Cannot verify nftables table ${TABLE.family} ${TABLE.name}: ${differences.join("; ")}`);
}

/** What the kernel's table has not as planned, in words. */
export function diffRuleset(planned: Ruleset, observed: ObservedTable | undefined): readonly string[] {
  if (observed === undefined) return ["table is missing"];
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
          `${kind} ${name} is ${found.get(name) ?? "missing"} instead of ${wanted.get(name) ?? "absent"}`,
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

async function listTable(): Promise<ObservedTable | undefined> {
  try {
    const { nftables } = JSON.parse(await runNft(["-j", "list", "table", TABLE.family, TABLE.name], "")) as {
      nftables: readonly NftObject[];
    };
    return readTable(nftables);
  } catch (error) {
    if (error instanceof Error && error.message.includes("No such file or directory")) return undefined;
    throw error;
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
