import { membersKey } from "../compile/sources.ts";
import type { PodSelector } from "../model.ts";
import type { MemberList, MemberLists } from "./members.ts";

/**
 * So many pods make a selector big, and so few make it small again: what lies between changes no chains back
 * and forth.
 */
export interface BigLimits {
  readonly shareAbove: number;
  readonly copyBelow: number;
}

/** Selectors whose pods are in a set that groups share. */
export interface BigSelectors {
  isBig(selector: PodSelector): boolean;
  /** Whether one of the lists has become big or small. */
  notice(lists: readonly MemberList[]): boolean;
  /** Forgets selectors that nobody uses, by the keys of their lists. */
  forget(keys: readonly string[]): void;
}

export function createBigSelectors(lists: MemberLists, { shareAbove, copyBelow }: BigLimits): BigSelectors {
  /** What was answered last, by selector. */
  const answers = new Map<string, boolean>();
  const judge = (key: string, size: number): boolean => {
    return answers.get(key) === true ? size >= copyBelow : size > shareAbove;
  };
  return {
    isBig(selector) {
      const of = { kind: "pods", selector } as const;
      const key = membersKey(of);
      const answer = judge(key, lists.list(of).members.size);
      answers.set(key, answer);
      return answer;
    },
    notice(changed) {
      return changed.some(({ of, members: { size } }) => {
        const key = membersKey(of);
        return answers.has(key) && answers.get(key) !== judge(key, size);
      });
    },
    forget(keys) {
      for (const key of keys) answers.delete(key);
    },
  };
}
