import type { GroupPlan } from "../compile/plan-group.ts";
import type { PolicyChain } from "../compile/policy-table.ts";
import type { SetPlan } from "../compile/set-plan.ts";
import type { TableChange } from "./table-change.ts";

/** Groups that pods are in, or are going to be. */
export interface LiveGroups {
  /** Of groups that stand. */
  readonly chains: ReadonlyMap<string, PolicyChain>;
  /** One more pod is in the group, or waits for it. */
  acquire(plan: GroupPlan): void;
  release(name: string): void;
  /** The table gets the chains of groups whose sets are full. */
  raise(isFull: (plan: GroupPlan) => boolean): void;
  /** Whether the table has the group's chains. */
  stands(name: string): boolean;
  collect(): readonly TableChange[];
}

export interface LiveGroupsInput {
  readonly onSet: (plan: SetPlan, family: PolicyChain["family"]) => void;
  readonly onSetGone: (plan: SetPlan) => void;
  readonly onGone: (name: string) => void;
}

export function createLiveGroups({ onSet, onSetGone, onGone }: LiveGroupsInput): LiveGroups {
  const groups = new Map<string, GroupPlan>();
  const users = new Map<string, number>();
  const chains = new Map<string, PolicyChain>();
  /** Not in the table. */
  const rising = new Set<GroupPlan>();
  const added = new Set<GroupPlan>();
  const removed = new Set<GroupPlan>();
  return {
    chains,
    acquire(plan) {
      const { name } = plan;
      users.set(name, (users.get(name) ?? 0) + 1);
      if (groups.has(name)) return;
      groups.set(name, plan);
      rising.add(plan);
      for (const set of plan.sets) onSet(set, plan.chains[0]?.family ?? 4);
    },
    release(name) {
      const count = (users.get(name) ?? 0) - 1;
      const plan = groups.get(name);
      if (count > 0 || plan === undefined) {
        users.set(name, count);
        return;
      }
      users.delete(name);
      groups.delete(name);
      if (!rising.delete(plan) && !added.delete(plan)) removed.add(plan);
      for (const chain of plan.chains) chains.delete(chain.name);
      for (const set of plan.sets) onSetGone(set);
      onGone(name);
    },
    raise(isFull) {
      for (const plan of rising) {
        if (!isFull(plan)) continue;
        rising.delete(plan);
        added.add(plan);
        for (const chain of plan.chains) chains.set(chain.name, chain);
      }
    },
    stands(name) {
      const plan = groups.get(name);
      return plan !== undefined && !rising.has(plan);
    },
    collect() {
      const changes: TableChange[] = [
        ...[...added]
          .flatMap((plan) => plan.chains)
          .map((chain): TableChange => ({ kind: "add chain", chain })),
        ...[...removed]
          .flatMap((plan) => plan.chains.toReversed())
          .map(({ name }): TableChange => ({ kind: "remove chain", name })),
      ];
      added.clear();
      removed.clear();
      return changes;
    },
  };
}
