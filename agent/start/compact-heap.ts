import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** The heap may grow by this before it is compacted again: what some thousand nodes, or pods, leave as garbage. */
const GROWTH_BYTES = 6 * 1024 * 1024;

/** A larger heap is left to V8's own collector: to collect it at once would keep everything waiting, among 50,000 nodes for more than a second. */
const MAX_BYTES = 72 * 1024 * 1024;

/** A larger heap is collected, but not compacted, which takes twice as long and gives 5 MB more back: 110 ms among 5,000 nodes. */
const MAX_COMPACTED_BYTES = 40 * 1024 * 1024;

type CollectGarbage = (options: {
  type: "major";
  execution: "sync";
  flavor: "regular" | "last-resort";
}) => void;

/**
 * Gives memory back after a big piece of work. V8 keeps what it once took for as long as nobody needs it, and an agent that listed 5,000 nodes
 * or started would sit on 30 MB of garbage for days. Nothing else runs meanwhile, for some 50 ms.
 */
export interface HeapCompactor {
  /** Compacts the heap if it has grown since the last time. To be called when nobody waits for an answer. */
  settle(): void;
}

export function createHeapCompactor(): HeapCompactor {
  // The function is there for contexts that are made after this.
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as CollectGarbage;
  let settledBytes = 0;
  return {
    settle() {
      const bytes = getHeapStatistics().total_heap_size;
      if (bytes - settledBytes < GROWTH_BYTES || bytes > MAX_BYTES) return;
      const flavor = bytes > MAX_COMPACTED_BYTES ? "regular" : "last-resort";
      collectGarbage({ type: "major", execution: "sync", flavor });
      settledBytes = getHeapStatistics().total_heap_size;
    },
  };
}
