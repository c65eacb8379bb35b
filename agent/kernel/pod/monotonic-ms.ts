/**
 * Milliseconds of CLOCK_MONOTONIC: the same for all programs of this machine since its boot, whoever sets the
 * clock.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
