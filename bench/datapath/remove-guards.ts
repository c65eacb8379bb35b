import { type Host, run } from "../machine.ts";

interface Listed {
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly type?: string;
  };
}

/**
 * Takes all rules out of the packet filters of our tables; translation of addresses stays. Where no agent
 * runs that would put them back. Throws when there is no filter: then nothing is measured.
 */
export function removeGuards({ netns }: Host): void {
  const nft = ["ip", "netns", "exec", netns, "nft"];
  const { nftables } = JSON.parse(run([...nft, "-j", "list", "chains"])) as {
    readonly nftables: readonly Listed[];
  };
  const filters = nftables.flatMap(({ chain }) =>
    chain?.type === "filter" && chain.table.startsWith("causeway") ? [chain] : [],
  );
  if (filters.length === 0) throw new Error(`Cannot find the packet filters of ${netns}`);
  for (const { family, table, name } of filters) run([...nft, "flush", "chain", family, table, name]);
}
