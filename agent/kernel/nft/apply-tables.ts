import { setTimeout as delay } from "node:timers/promises";
import type { TablePair } from "../../plan/nft/diff-table.ts";
import { formatRuleset } from "../../plan/nft/format-table.ts";
import type { Ruleset } from "../../plan/nft/nft-table.ts";
import { bringsLastChain, formatUpdate } from "../../plan/nft/ruleset-update.ts";
import { throwNamed } from "./probe-features.ts";
import { describeOldNft, runNft } from "./run-nft.ts";

/**
 * Between the chains that see a packet wrapped and unwrapped it waits for a CPU. A chain that asks for what
 * the one before would write now drops what passed that one before it did.
 */
const UNDER_WAY_MS = 100;

/**
 * Brings tables to what is planned of them, by the nft program; where that does not work, replaces them
 * whole. Gives the number of transactions that it took; undefined when something that is not looked at,
 * as objects of others in our tables, stood in the way and went with them.
 */
export async function updateTables(tables: readonly TablePair[]): Promise<number | undefined> {
  const texts = formatUpdate(tables);
  try {
    for (const [index, text] of texts.entries()) {
      if (index === texts.length - 1 && tables.some(bringsLastChain)) await delay(UNDER_WAY_MS);
      await runNft(["-f", "-"], text);
    }
    return texts.length;
  } catch {
    await replaceTables(tables.map(({ planned }) => planned));
    return undefined;
  }
}

async function replaceTables(ruleset: Ruleset): Promise<void> {
  try {
    await runNft(["-f", "-"], formatRuleset(ruleset));
  } catch (cause) {
    const remedy = await describeOldNft();
    if (remedy !== undefined) throw new Error(`Cannot apply nftables tables: ${remedy}`, { cause });
    await throwNamed("apply nftables tables", "node", cause);
  }
}
