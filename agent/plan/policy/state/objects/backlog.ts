import type { ObjectChange } from "./object-change.ts";

export interface BacklogInput {
  readonly take: (change: ObjectChange) => void;
  /** What changes have cost so far. */
  readonly looks: () => number;
}

/**
 * Changes that wait for a turn, as they may be many: policies, which are still to be read, then pods and
 * nodes, which are peers of policies. What else decides who is under which policy, and who has which address,
 * never waits.
 */
export interface Backlog {
  take(change: ObjectChange): void;
  /** Takes what waits until that has cost so many looks; answers how many are left. */
  advance(looks: number): number;
  /** Whether policies wait: who is under which is not known before they are taken. */
  isBehind(): boolean;
  isEmpty(): boolean;
}

/** So many characters of a policy take as long as a look, and the shortest one as long as some. */
const CHARACTERS_PER_LOOK = 64;
const POLICY_LOOKS = 2;

export function createBacklog({ take, looks }: BacklogInput): Backlog {
  const policies = createWaiting();
  const others = createWaiting();
  return {
    take(change) {
      if (change.kind === "policy") policies.push(change);
      else if (change.kind === "pod" || change.kind === "node") others.push(change);
      else take(change);
    },
    advance(most) {
      const since = looks();
      let spent = 0;
      const left = (): number => most - spent - (looks() - since);
      for (const waiting of [policies, others])
        while (left() > 0) {
          const change = waiting.shift();
          if (change === undefined) break;
          take(change);
          spent += costOf(change);
        }
      return left();
    },
    isBehind: () => !policies.isEmpty(),
    isEmpty: () => policies.isEmpty() && others.isEmpty(),
  };
}

/** First come, first served. */
function createWaiting() {
  let changes: ObjectChange[] = [];
  /** So many of them are done. */
  let done = 0;
  return {
    isEmpty: () => done === changes.length,
    push: (change: ObjectChange) => void changes.push(change),
    /** Undefined: nothing waits. */
    shift(): ObjectChange | undefined {
      const change = changes[done];
      done += 1;
      if (done < changes.length) return change;
      changes = [];
      done = 0;
      return change;
    },
  };
}

function costOf(change: ObjectChange): number {
  if (change.kind !== "policy") return 1;
  return POLICY_LOOKS + Math.ceil((change.spec?.length ?? 0) / CHARACTERS_PER_LOOK);
}
