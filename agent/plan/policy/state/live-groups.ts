import type { GroupPlan } from "../compile/plan-group.ts";
import type { PolicyChain } from "../compile/policy-table.ts";
import type { SetPlan } from "../compile/set-plan.ts";
import type { TableChange } from "./table-change.ts";

/** Groups that pods are in. */
export interface LiveGroups {
  readonly groups: ReadonlyMap<string, GroupPlan>;
  readonly chains: ReadonlyMap<string, PolicyChain>;
  /** One more pod is in the group. */
  acquire(plan: GroupPlan): void;
  release(name: string): void;
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
  const added = new Set<GroupPlan>();
  const removed = new Set<GroupPlan>();
  return {
    groups,
    chains,
    acquire(plan) {
      const { name } = plan;
      users.set(name, (users.get(name) ?? 0) + 1);
      if (groups.has(name)) return;
      groups.set(name, plan);
      added.add(plan);
      for (const chain of plan.chains) {
        chains.set(chain.name, chain);
      }
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
      if (!added.delete(plan)) removed.add(plan);
      for (const chain of plan.chains) chains.delete(chain.name);
      for (const set of plan.sets) onSetGone(set);
      onGone(name);
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
