import { messageOf } from "../lib/errors.ts";
import { createForeignFilters } from "../reconcile/foreign-filters.ts";
import { createRunner, type Runner } from "../reconcile/runner/runner.ts";
import type { Base } from "./base.ts";
import type { Source } from "./source.ts";

/**
 * A packet filter of others that drops pods' packets is told of within this time; a service proxy changes its
 * rules several times a second.
 */
const INTERVALS = { minIntervalMs: 2000, retryIntervalMs: 5000, maxIntervalMs: 60_000 };

export interface FilterRunner extends Runner {
  /** Chains of others that drop packets of pods. */
  count(): number;
}

/** Looks at packet filters of others, and tells of those that drop what pods send. */
export function createFilterRunner(
  { config, kernel, readiness, log, clock }: Base,
  source: Source,
): FilterRunner {
  const filters = createForeignFilters({
    kernel,
    readiness,
    log,
    clock,
    bridge: config.bridge,
    onProblem: source.warn("ForeignFilter"),
  });
  const runner = createRunner(filters.look, {
    ...INTERVALS,
    clock,
    onError: (error) => log.warn({ error: messageOf(error) }, "Cannot read foreign firewall rules"),
  });
  return { ...runner, count: filters.count };
}
