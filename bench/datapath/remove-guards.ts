import { type Host, run } from "../machine.ts";

interface Listed {
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly type?: string;
  };
}

/** All packet filters, or the chain that judges what comes out of a VXLAN device. */
export type Guards = "all" | "overlay-unwrapped";

/**
 * Takes the rules out of packet filters of our tables; translation of addresses stays. Where no agent runs
 * that would put them back. Throws when there is no such filter: then nothing is measured.
 */
export function removeGuards({ netns }: Host, which: Guards): void {
  const nft = ["ip", "netns", "exec", netns, "nft"];
  const { nftables } = JSON.parse(run([...nft, "-j", "list", "chains"])) as {
    readonly nftables: readonly Listed[];
  };
  const filters = nftables
    .flatMap(({ chain }) => (chain?.type === "filter" && chain.table.startsWith("causeway") ? [chain] : []))
    .filter(({ name }) => which === "all" || name === which);
  if (filters.length === 0) throw new Error(`Cannot find packet filters of ${netns}: ${which}`);
  for (const { family, table, name } of filters) run([...nft, "flush", "chain", family, table, name]);
}
