import type { Scope } from "../reconcile/runner/scoped-runner.ts";

/** What asks for runs needs of the node's runner. */
export interface RunnerHandle {
  trigger(scope: Scope): void;
  /** A run that looks at everything; resolves once it has ended. */
  run(): Promise<void>;
}

/** How parts of the agent ask for a run of the node's runner, which is made after them. */
export interface RunRequests extends RunnerHandle {
  /** To be called once. What was asked for before is in the runner's first run, which looks at everything. */
  serve(runner: RunnerHandle): void;
}

export function createRunRequests(): RunRequests {
  let served: RunnerHandle | undefined;
  return {
    trigger: (scope) => served?.trigger(scope),
    run: async () => served?.run(),
    serve(runner) {
      served = runner;
    },
  };
}
