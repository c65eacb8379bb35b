import { findDenial } from "../compile/drop-names.ts";
import type { Denial, PolicyTable } from "../compile/policy-table.ts";
import type { Direction } from "../model.ts";

/** Packets that a policy has dropped. */
export interface DenialTotal {
  readonly direction: Direction;
  /** Of the policy; empty for a ClusterNetworkPolicy. */
  readonly namespace: string;
  /** Empty: nobody knew the pod's labels yet. */
  readonly policy: string;
  readonly packets: number;
}

/** Sums that only grow, although what counts in the kernel comes and goes with the policies. */
export interface DenialTotals {
  /**
   * Takes what has been counted by now, by the names of {@link findDenial}. To be called before the kernel's
   * counters go, else what came since the last call is lost.
   */
  update(table: PolicyTable, counts: ReadonlyMap<string, number>): void;
  /** A packet that several policies isolate from counts for each of them. */
  list(): readonly DenialTotal[];
}

interface Counted {
  readonly denial: Denial;
  readonly packets: number;
}

export function createDenialTotals(): DenialTotals {
  /**
   * What the kernel counted last, and for whom: the table may have forgotten it by the time when it is read.
   */
  let last = new Map<string, Counted>();
  const totals = new Map<string, DenialTotal>();
  const add = ({ direction, policies }: Denial, packets: number): void => {
    for (const name of policies.length === 0 ? [""] : policies) {
      const [policy = "", namespace = ""] = name.split("/").toReversed();
      const key = `${direction} ${name}`;
      const before = totals.get(key)?.packets ?? 0;
      totals.set(key, { direction, namespace, policy, packets: before + packets });
    }
  };
  return {
    update(table, counts) {
      const next = new Map<string, Counted>();
      for (const [name, packets] of counts) {
        const before = last.get(name);
        const denial = findDenial(table, name) ?? before?.denial;
        if (denial === undefined) continue;
        // One that was made anew counts from zero again.
        const since = packets < (before?.packets ?? 0) ? 0 : (before?.packets ?? 0);
        add(denial, packets - since);
        next.set(name, { denial, packets });
      }
      last = next;
    },
    list: () => [...totals.values()],
  };
}
