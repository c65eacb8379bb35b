import { isNetlinkError } from "../../../netlink/message/netlink-error.ts";
import type { PolicyTable } from "../../../plan/policy/compile/policy-table.ts";
import type { Generations, TableGeneration } from "../../nft/generations.ts";
import { readGeneration } from "../../nft/read-generation.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";
import { POLICY_TABLE } from "./base-table.ts";
import { single } from "./change-messages.ts";
import type { PolicyOptions } from "../policy-options.ts";
import { readTable } from "./read-table.ts";
import { planRepair, replaceTable } from "./repair-table.ts";
import { sendSteps } from "./send-steps.ts";
import { planTable } from "./table-plan.ts";

export interface RestoreInput {
  readonly netfilter: Pick<NetlinkClient, "execute" | "tryExecute" | "dump">;
  readonly generations: Generations;
  readonly known: TableGeneration;
  readonly options: PolicyOptions;
}

/** How often a table that somebody changes while it is read is read again. */
const MAX_ATTEMPTS = 3;

/**
 * Makes the kernel's table the wanted one, whatever it is: by what differs, or as a whole where that is
 * refused. Tells what differed. The kernel refuses a repair of a table that is not any more as it was read.
 */
export async function restoreTable(
  { netfilter, generations, known, options }: RestoreInput,
  wanted: PolicyTable,
): Promise<readonly string[]> {
  const plan = planTable(wanted, options);
  const what = `repair nftables table ${POLICY_TABLE.table}`;
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt === MAX_ATTEMPTS;
    const seen = known.look();
    const generation = await readGeneration(netfilter);
    const { faults, transactions = [replaceTable(plan)] } = planRepair(plan, await readTable(netfilter));
    if (faults.length === 0) {
      seen(generation);
      return faults;
    }
    let count = 0;
    try {
      for (const bodies of transactions) {
        const expected = isLast ? undefined : generation + count;
        count += await sendSteps({ netfilter, what, generation: expected }, single(bodies));
      }
    } catch (error) {
      if (!isNetlinkError(error)) throw error;
      if (error.code === "ERESTART" && !isLast) continue;
      count += await sendSteps({ netfilter, what }, single(replaceTable(plan)));
    }
    // What was made without regard to the generation may have met another table than the one that was read.
    if (!isLast) seen(generation);
    generations.advance(count);
    return faults;
  }
}
