import type { Clock } from "../lib/clock.ts";

/** A clock that only moves when told. */
export interface FakeClock extends Clock {
  /** Moves on, waking timers in order, and lets promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Number of timers that wait. */
  pending(): number;
}

export function createFakeClock(): FakeClock {
  let nowMs = 0;
  const timers = new Set<{ readonly dueMs: number; readonly wake: () => void }>();
  const settle = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return {
    nowMs: () => nowMs,
    pending: () => timers.size,
    after(delayMs, wake) {
      const timer = { dueMs: nowMs + delayMs, wake };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = [...timers]
          .filter(({ dueMs }) => dueMs <= endMs)
          .toSorted((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.wake();
        await settle();
      }
      nowMs = endMs;
    },
  };
}
