import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import type { WatchNeeds } from "../../plan/policy/watches.ts";

/**
 * Hears what became of objects that policies are about; no changes: what is complete, or what does not work,
 * is another. `isUrgent`: somebody may wait for it, as it is about pods of this node.
 */
export type HearObjects = (changes: readonly ObjectChange[], isUrgent: boolean) => void;

/** Pods, namespaces and policies, as the API or a file has them. */
export interface PolicySource {
  /** What else must be known from now on: pods of other nodes, and nodes. */
  follow(needs: WatchNeeds): void;
  /**
   * Whether all that is followed has had its first complete list: before that, what is not there may still
   * exist.
   */
  isComplete(): boolean;
  /** Why following does not work right now, as sentences. */
  faults(): readonly string[];
  /** What is there and not enforced, as sentences. */
  notices(): readonly string[];
  watches(): number;
  /** `HearObjects` is not called any more. */
  close(): Promise<void>;
}
