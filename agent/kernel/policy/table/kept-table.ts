import { createTable, deleteTable } from "../../../netlink/nft/table/nft-declarations.ts";
import { diffTables } from "../../../plan/policy/state/diff-tables.ts";
import type { TableChange } from "../../../plan/policy/state/table-change.ts";
import type { Generations } from "../../nft/generations.ts";
import { readGeneration } from "../../nft/read-generation.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";
import type { Join } from "../policy-kernel.ts";
import type { PolicyOptions } from "../policy-options.ts";
import { POLICY_TABLE } from "./base-table.ts";
import { changeSteps, type Step } from "./change-messages.ts";
import { readTable } from "./read-table.ts";
import { planRepair } from "./repair-table.ts";
import { restoreTable } from "./restore-table.ts";
import { bytesOf, sendSteps } from "./send-steps.ts";
import type { TableCopy } from "./table-copy.ts";
import { planTable } from "./table-plan.ts";
import { inTransactions } from "./transactions.ts";

export interface KeptTableInput {
  readonly netfilter: Pick<NetlinkClient, "execute" | "tryExecute" | "dump">;
  readonly generations: Generations;
  readonly options: PolicyOptions;
}

/** The kernel's table, and what is known of it. Its callers take turns; see {@link PolicyKernel}. */
export interface KeptTable {
  /** Keeps the copy. */
  ensure(wanted: TableCopy): Promise<readonly string[]>;
  apply(changes: readonly TableChange[], join?: Join): Promise<void>;
  check(wanted: TableCopy, afresh: boolean): Promise<readonly string[]>;
  remove(): Promise<void>;
  verifiedGeneration(): number;
}

export function createKeptTable({ netfilter, generations, options }: KeptTableInput): KeptTable {
  const known = generations.open(POLICY_TABLE.table);
  /** What the kernel has unless somebody else has changed it; undefined: nobody knows. */
  let copy: TableCopy | undefined;
  const forget = (): void => {
    copy = undefined;
    known.distrust();
  };
  /** The copy, if nobody else can have changed the table. */
  const readCopy = async (): Promise<TableCopy | undefined> =>
    copy !== undefined && (await readGeneration(netfilter)) === known.expected() ? copy : undefined;
  const apply = async (changes: readonly TableChange[], join?: Join): Promise<void> => {
    if (changes.length === 0) return;
    if (copy === undefined)
      throw new Error("Cannot change the policy table: its state in the kernel is unknown");
    try {
      await sendChanges(netfilter, copy, { changes, join, onMade: generations.advance });
    } catch (error) {
      forget();
      throw error;
    }
  };
  return {
    apply,
    async ensure(wanted) {
      const current = await readCopy();
      if (current !== undefined) {
        await apply(diffTables(current.table, wanted.table));
        return [];
      }
      forget();
      const faults = await restoreTable({ netfilter, generations, known, options }, wanted.table);
      copy = wanted;
      return faults;
    },
    async check(wanted, afresh) {
      const current = afresh ? undefined : await readCopy();
      const plan = planTable(wanted.table, options);
      if (current === undefined) return planRepair(plan, await readTable(netfilter)).faults;
      const left = diffTables(current.table, wanted.table).length;
      return left === 0 ? [] : [`${left} changes are still to be made`];
    },
    async remove() {
      forget();
      const step = [createTable(POLICY_TABLE), deleteTable(POLICY_TABLE)];
      const what = `remove nftables table ${POLICY_TABLE.table}`;
      generations.advance(await sendSteps({ netfilter, what }, [step]));
    },
    verifiedGeneration: known.expected,
  };
}

interface SendChanges {
  readonly changes: readonly TableChange[];
  readonly join: Join | undefined;
  /** Hears of the number of transactions that were made, but for one that took these along. */
  readonly onMade: (count: number) => void;
}

/** Any socket takes as much at once. A pod's elements are some hundred bytes each. */
const MAX_JOINED_BYTES = 16 * 1024;

/** Changes a table that the kernel has as it is in the copy, which follows. */
async function sendChanges(
  netfilter: Pick<NetlinkClient, "execute">,
  copy: TableCopy,
  { changes, join, onMade }: SendChanges,
): Promise<void> {
  const transactions = inTransactions(changes);
  for (const transaction of transactions) {
    let setIds = 0;
    const steps = transaction.flatMap((change): readonly Step[] => {
      const own = changeSteps(copy.table, change, () => ++setIds);
      copy.apply(change);
      return own;
    });
    if (join !== undefined && transactions.length === 1 && bytesOf(steps) <= MAX_JOINED_BYTES) {
      if (await join(steps.flat())) return;
    }
    onMade(await sendSteps({ netfilter, what: `change nftables table ${POLICY_TABLE.table}` }, steps));
  }
}
