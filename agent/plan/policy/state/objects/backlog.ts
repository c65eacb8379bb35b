import type { ObjectChange } from "./object-change.ts";

export interface BacklogInput {
  readonly take: (change: ObjectChange) => void;
  /** What changes have cost so far. */
  readonly looks: () => number;
}

/**
 * Changes that wait for a turn. What decides who is under which policy, and who has which address, never
 * does: an ADD relies on it. Pods and nodes, which are peers of policies, do, in their order.
 */
export interface Backlog {
  take(change: ObjectChange): void;
  /** Takes what waits until that has cost so many looks; answers how many are left. */
  advance(looks: number): number;
  isEmpty(): boolean;
}

export function createBacklog({ take, looks }: BacklogInput): Backlog {
  let waiting: ObjectChange[] = [];
  /** So many of them are done. */
  let done = 0;
  return {
    take(change) {
      if (change.kind === "pod" || change.kind === "node") waiting.push(change);
      else take(change);
    },
    advance(most) {
      const since = looks();
      const before = done;
      const left = (): number => most - (looks() - since) - (done - before);
      for (let change = waiting[done]; change !== undefined && left() > 0; change = waiting[++done])
        take(change);
      const rest = left();
      if (done === waiting.length) {
        waiting = [];
        done = 0;
      }
      return rest;
    },
    isEmpty: () => done === waiting.length,
  };
}
