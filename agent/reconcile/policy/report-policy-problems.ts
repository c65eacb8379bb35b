import type { Clock } from "../../lib/clock.ts";
import type { Readiness } from "../../lib/readiness.ts";
import type { Log } from "../../log/log.ts";
import { policyTitle } from "../../plan/policy/model.ts";
import { formatFault } from "../../plan/policy/parse/fields.ts";
import type { FaultyPolicy } from "../../plan/policy/state/objects/policy-store.ts";
import { listSome } from "../../text/list-some.ts";
import { createProblemReporter } from "../report/report-problems.ts";

export interface PolicyProblemsInput {
  readonly log: Pick<Log, "info" | "warn">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly readiness: Pick<Readiness, "warn">;
  /** Hears of policies that cannot be wholly read, and of those of kinds that are not enforced. */
  readonly onUnread: (note: string) => void;
  /** Hears of pods that are isolated as nobody knows their labels. */
  readonly onStrangers: (note: string) => void;
}

/** What people must know of policies: in the log, as Events, and beside readiness. */
export interface PolicyProblems {
  /**
   * `faults`: why following does not work, `unread`: policies that cannot be wholly read, `notices`: what is
   * there and not enforced, `strangers`: pods that have waited too long.
   */
  report(now: {
    readonly faults: readonly string[];
    readonly unread: Iterable<FaultyPolicy>;
    readonly notices: readonly string[];
    readonly strangers: readonly string[];
  }): void;
}

/** How many problems are beside readiness at a time. */
const MAX_SHOWN = 5;

export function createPolicyProblems(input: PolicyProblemsInput): PolicyProblems {
  const { log, clock, readiness } = input;
  const reportUnread = createProblemReporter({
    log,
    clock,
    report: input.onUnread,
    subject: "Network policies",
    over: "All network policies can be read again",
  });
  const reportStrangers = createProblemReporter({
    log,
    clock,
    report: input.onStrangers,
    subject: "Pods isolated because the API has not delivered their objects",
    over: "The API has delivered the objects of all pods",
  });
  return {
    report({ faults, unread, notices, strangers }) {
      const problems = [...[...unread].map(describeFaults), ...notices];
      reportUnread(problems);
      reportStrangers(strangers);
      const all = [...faults, ...problems];
      readiness.warn(
        "network policies",
        all.length === 0 ? undefined : listSome(all, { max: MAX_SHOWN, separator: "; " }),
      );
    },
  };
}

function describeFaults(policy: FaultyPolicy): string {
  const named = listSome(policy.faults, { max: 1, separator: "; ", format: formatFault });
  return `${policyTitle(policy)} is closed by what cannot be read of it: ${named}`;
}
