export interface BackOffOptions {
  /** Upper bound of the first wait. */
  readonly baseMs: number;
  /** Upper bound of all waits. */
  readonly maxMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Wait before try number `failures` + 1, with full jitter: anything from 0 to the bound that doubles with
 * each failure. All agents of a cluster lose their API server at the same moment; they must not come back at
 * the same moment.
 */
export function backOffMs(failures: number, { baseMs, maxMs, random }: BackOffOptions): number {
  return random() * Math.min(maxMs, baseMs * 2 ** Math.max(0, failures - 1));
}
