import type { ServedCall } from "./server.ts";

/** Kubelets try again every 10 to 20 s: a pod of which nothing was heard for so long is gone. */
const FORGOTTEN_MS = 120_000;

/** More pods than a node has; those that failed first are forgotten first. */
const MAX_PODS = 1024;

/** Pods that do not get their network: each counts once, however often its runtime tries. */
export interface FailingPods {
  served(call: Pick<ServedCall, "command" | "code" | "pod" | "containerId">): void;
  /** Number of pods by the code that their last ADD ended with. */
  counts(): ReadonlyMap<number, number>;
}

/** `nowMs`: a clock that does not jump. */
export function createFailingPods(nowMs: () => number): FailingPods {
  /** By the last ADD, the oldest first. */
  const failures = new Map<string, { readonly code: number; readonly atMs: number }>();

  const forget = (): void => {
    const sinceMs = nowMs() - FORGOTTEN_MS;
    for (const [pod, { atMs }] of failures) {
      if (atMs > sinceMs && failures.size <= MAX_PODS) return;
      failures.delete(pod);
    }
  };

  return {
    served({ command, code, pod, containerId }) {
      if (command !== "ADD") return;
      const name = pod ?? `container ${containerId}`;
      failures.delete(name);
      if (code !== 0) failures.set(name, { code, atMs: nowMs() });
      forget();
    },
    counts() {
      forget();
      const counts = new Map<number, number>();
      for (const { code } of failures.values()) counts.set(code, (counts.get(code) ?? 0) + 1);
      return counts;
    },
  };
}
