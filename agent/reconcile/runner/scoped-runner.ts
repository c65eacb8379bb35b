import { createRunner, type RunnerOptions } from "./runner.ts";

/** How much a run looks at: the plan of other nodes, that and what the kernel has of it, or everything. */
export type Scope = "cluster" | "peers" | "all";

const SCOPES: readonly Scope[] = ["cluster", "peers", "all"];

export interface ScopedRunner {
  trigger(scope: Scope): void;
  /** Looks at everything, and settles like that run. */
  run(): Promise<void>;
  /** Ends the timers and waits for a run that is under way. */
  stop(): Promise<void>;
}

/**
 * A runner whose work is told the widest scope that it was triggered for. A run that nobody has triggered,
 * and one after a failure, looks at everything.
 */
export function createScopedRunner(
  work: (scope: Scope) => Promise<"again" | undefined>,
  options: RunnerOptions,
): ScopedRunner {
  let next: Scope | undefined;
  const runner = createRunner(async () => {
    const scope = next ?? "all";
    next = undefined;
    let isDone = false;
    try {
      const answer = await work(scope);
      isDone = answer === undefined;
      return answer;
    } finally {
      if (!isDone) next = "all";
    }
  }, options);
  return {
    trigger(scope) {
      if (next === undefined || SCOPES.indexOf(scope) > SCOPES.indexOf(next)) next = scope;
      runner.trigger();
    },
    run() {
      next = "all";
      return runner.run();
    },
    stop: runner.stop,
  };
}
