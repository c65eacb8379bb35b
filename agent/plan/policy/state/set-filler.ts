import type { Family } from "../../../net/address.ts";
import type { SetPlan } from "../compile/set-plan.ts";
import { type PodNetwork, podNetworkElements } from "../compile/table-sets.ts";
import type { LiveSet, LiveSets } from "./live-sets.ts";
import type { MemberLists } from "./members.ts";

/** Opens sets of groups at once, and fills them bit by bit: a large one keeps nobody waiting. */
export interface SetFiller {
  open(plan: SetPlan, family: Family): void;
  /** One user less; true: the set is gone. */
  close(plan: SetPlan): boolean;
  isFull(name: string): boolean;
  isBusy(): boolean;
  /** Goes on until about so many elements were given, or all sets are full; answers how many were. */
  fill(looks: number): number;
  setNetwork(network: PodNetwork): void;
}

/** A set costs as much as so many elements. */
const SET_LOOKS = 16;

export function createSetFiller(sets: LiveSets, lists: MemberLists, initial: PodNetwork): SetFiller {
  let network = initial;
  /** By name: what is left to do. */
  const filling = new Map<string, Iterator<number, undefined>>();
  const isFull = (name: string): boolean => !filling.has(name);
  return {
    open(plan, family) {
      const { set, isNew } = sets.acquire(plan.spec);
      if (!isNew) return;
      const elements = podNetworkElements(plan.spec.name, network);
      if (elements === undefined) {
        const feeds = plan.sources.map((source) => lists.feed(set, source, family));
        filling.set(plan.spec.name, fillSet(sets, set, plan.fixed, feeds));
        return;
      }
      sets.publish(set);
      for (const element of elements) set.give(element);
    },
    close({ spec, sources }) {
      const set = sets.release(spec.name);
      if (set === undefined) return false;
      filling.delete(spec.name);
      lists.stop(set, sources);
      return true;
    },
    isFull,
    isBusy: () => filling.size > 0,
    fill(looks) {
      let spent = 0;
      for (const [name, rest] of filling)
        while (spent < looks) {
          const next = rest.next();
          if (next.done === true) {
            filling.delete(name);
            break;
          }
          spent += next.value;
        }
      return spent;
    },
    setNetwork(next) {
      for (const [name, set] of sets.sets) {
        const elements = podNetworkElements(name, next);
        if (elements === undefined) continue;
        for (const element of podNetworkElements(name, network) ?? []) set.take(element);
        for (const element of elements) set.give(element);
      }
      network = next;
    },
  };
}

function* fillSet(
  sets: LiveSets,
  set: LiveSet,
  fixed: readonly string[],
  feeds: readonly Iterable<number>[],
): Generator<number, undefined> {
  sets.publish(set);
  yield SET_LOOKS;
  for (const element of fixed) {
    set.give(element);
    yield 1;
  }
  for (const feed of feeds) yield* feed;
}
