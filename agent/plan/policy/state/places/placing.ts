import { objectKey } from "../../model.ts";
import type { MemberLists } from "../members.ts";
import type { ObjectChange } from "../objects/object-change.ts";
import type { OwnPods } from "../objects/own-pods.ts";
import type { Placer } from "./place-pod.ts";
import type { TableBuilder } from "../table-builder.ts";

export interface PlacingInput {
  readonly own: OwnPods;
  readonly placer: Placer;
  readonly builder: TableBuilder;
  readonly lists: MemberLists;
}

/** Which pods of this node are to be placed anew, and which of them have to wait. */
export interface Placing {
  /** Something else is known of the pod. */
  note(key: string): void;
  /** What selects pods of a namespace, or of all, is another policy, or planned in another way. */
  soil(namespace: string | undefined): void;
  /** Remembers an address that nothing has been said about yet. */
  attached(change: Extract<ObjectChange, { readonly kind: "attachment" }>): void;
  /** Places pods that are due. */
  place(): void;
  /** To be called when the table was collected. */
  settled(): void;
  isDue(): boolean;
  /** Whether pods are still on their way. */
  isWaiting(): boolean;
  isPlaced(key: string): boolean;
}

export function createPlacing({ own, placer, builder, lists }: PlacingInput): Placing {
  const due = new Set<string>();
  /**
   * On their way to a place that is not theirs any more, and were placed meanwhile by the plan of before: who
   * began anew with each change of policies would never arrive.
   */
  const later = new Set<string>();
  const placed = new Set<string>();
  const fresh = new Map<string, readonly string[]>();
  return {
    note: (key) => void due.add(key),
    soil(namespace) {
      for (const key of own.keysIn(namespace)) {
        if (builder.isWaiting(key)) later.add(key);
        else placer.forget(key);
        due.add(key);
      }
    },
    attached({ attachment }) {
      if (attachment === undefined) return;
      const key = objectKey(attachment.namespace, attachment.name);
      fresh.set(key, [...(fresh.get(key) ?? []), ...attachment.addresses]);
    },
    place() {
      lists.prepare([...due].flatMap((key) => (builder.isWaiting(key) ? [] : placer.newPeersOf(key))));
      for (const key of due) {
        const isUnderWay = builder.isWaiting(key);
        if (isUnderWay) later.add(key);
        builder.place(key, placer.place(key, isUnderWay), fresh.get(key) ?? []);
        placed.add(key);
      }
      placer.forgetPlans();
      due.clear();
      fresh.clear();
    },
    settled() {
      for (const key of placed) if (!builder.isWaiting(key)) placed.delete(key);
      for (const key of later) {
        if (builder.isWaiting(key)) continue;
        later.delete(key);
        placer.forget(key);
        due.add(key);
      }
    },
    isDue: () => due.size > 0,
    isWaiting: () => placed.size > 0,
    isPlaced: (key) => !due.has(key) && !later.has(key) && !builder.isWaiting(key),
  };
}
