import { createSharedLock } from "../../lib/shared-lock.ts";
import { createGenerations, type Generations } from "../nft/generations.ts";
import { nameMissing } from "../nft/probe-features.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import type { PolicyKernel } from "./policy-kernel.ts";
import { DEFAULT_POLICY_OPTIONS, type PolicyOptions } from "./policy-options.ts";
import { createKeptTable } from "./table/kept-table.ts";
import { readPackets } from "./table/read-table.ts";
import { copyTable } from "./table/table-copy.ts";

export interface PolicyKernelInput {
  readonly netfilter: Pick<NetlinkClient, "execute" | "tryExecute" | "dump">;
  /** Shared with whoever keeps other tables. */
  readonly generations?: Generations;
  readonly options?: PolicyOptions | undefined;
}

export function createPolicyKernel({
  netfilter,
  generations = createGenerations(),
  options = DEFAULT_POLICY_OPTIONS,
}: PolicyKernelInput): PolicyKernel {
  const explain = nameMissing("apply policies", "policies");
  const kept = createKeptTable({ netfilter, generations, options });
  /** One after the other, in the order of the calls. */
  const { exclusive: inTurn } = createSharedLock();
  return {
    ensure(table) {
      const wanted = copyTable(table);
      return inTurn(() => kept.ensure(wanted)).catch(explain);
    },
    apply: (changes, join) => inTurn(() => kept.apply(changes, join)).catch(explain),
    check(table, { afresh } = { afresh: false }) {
      const wanted = copyTable(table);
      return inTurn(() => kept.check(wanted, afresh));
    },
    remove: () => inTurn(kept.remove),
    verifiedGeneration: () => inTurn(() => Promise.resolve(kept.verifiedGeneration())),
    readDenials: () => readPackets(netfilter),
  };
}
