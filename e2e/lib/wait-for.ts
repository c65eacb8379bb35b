import { setTimeout as delay } from "node:timers/promises";

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  /** Whether it is of no use to wait any longer, as long as the deadline may be away. */
  readonly isHopeless?: () => boolean;
}

/**
 * Asks `probe` until it gives something other than undefined, and gives that. At the deadline it throws, with
 * the last error of the probe as cause: a probe that throws is asked again, so assertions can be polled too.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs, intervalMs = 20, isHopeless = () => false }: WaitOptions,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadlineMs || isHopeless()) {
      const reason = cause instanceof Error ? `: ${cause.message}` : "";
      const waitedMs = Math.round(performance.now() - deadlineMs + timeoutMs);
      throw new Error(`Waited ${waitedMs} ms in vain for ${what}${reason}`, { cause });
    }
    await delay(intervalMs);
  }
}

/** Polls an assertion until it holds. */
export async function waitUntilHolds(
  what: string,
  assertion: () => Promise<void> | void,
  options: WaitOptions,
): Promise<void> {
  const probe = async (): Promise<true> => {
    await assertion();
    return true;
  };
  await waitFor(what, probe, options);
}
