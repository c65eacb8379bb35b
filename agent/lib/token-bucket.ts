export interface TokenBucketOptions {
  readonly perSecond: number;
  /** How many may come at once. */
  readonly burst: number;
  /** When it is full. */
  readonly startMs: number;
}

/** Limits how often something is done; a clock that goes back adds nothing. */
export interface TokenBucket {
  /** Whether there is room for one more at that time, which is then taken. */
  take(atMs: number): boolean;
}

export function createTokenBucket({ perSecond, burst, startMs }: TokenBucketOptions): TokenBucket {
  let left = burst;
  let countedMs = startMs;
  return {
    take(atMs) {
      left = Math.min(burst, left + (Math.max(0, atMs - countedMs) * perSecond) / 1000);
      countedMs = atMs;
      if (left < 1) return false;
      left--;
      return true;
    },
  };
}
