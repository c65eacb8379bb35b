import type { Clock } from "../lib/clock.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log/log.ts";
import { FAMILIES } from "../plan/peers/peer-routes.ts";
import type { Readiness } from "../lib/readiness.ts";
import { createProblemReporter } from "./report/report-problems.ts";

export interface ForeignFiltersInput {
  readonly kernel: Pick<Kernel, "listForeignDropPolicies">;
  readonly readiness: Pick<Readiness, "warn">;
  readonly log: Log;
  readonly clock: Pick<Clock, "nowMs">;
  readonly bridge: string;
  /** Hears of a chain that begins to cost pods traffic. */
  readonly onProblem: (note: string) => void;
}

/**
 * Looks after packet filters of others, which are not ours to change: a chain that drops pods' packets
 * overrules every accept of ours.
 */
export interface ForeignFilters {
  /** Tells what is new, and when all is over. Repeated at no cost while no ruleset changes. */
  look(): Promise<void>;
  /** Chains that cost pods traffic. */
  count(): number;
}

export function createForeignFilters(input: ForeignFiltersInput): ForeignFilters {
  const { kernel, readiness, log, clock, bridge } = input;
  const tell = createProblemReporter({
    log,
    clock,
    report: input.onProblem,
    over: "Foreign firewall rules no longer drop pod traffic",
    subject: "Foreign firewall rules may drop pod traffic",
  });
  let found: readonly string[] = [];
  return {
    count: () => found.length,
    async look() {
      found = await kernel.listForeignDropPolicies(bridge, FAMILIES);
      readiness.warn("packet filters", found.length === 0 ? undefined : found.join("; "));
      tell(found);
    },
  };
}
