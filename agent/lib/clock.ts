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

/** Resolves after `delayMs`, or at the signal. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(delayMs, finish);
    signal.addEventListener("abort", finish, { once: true });
    function finish(): void {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    }
  });
}
