/** Time and timers, so that tests do not wait. */
export interface Clock {
  nowMs(): number;
  /** Calls `wake` once after `delayMs`; the returned function cancels. */
  after(delayMs: number, wake: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, wake) {
    const timer = setTimeout(wake, delayMs);
    return () => clearTimeout(timer);
  },
};
