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

/** Limits how often something is done for many, of whom a few may want it all the time. */
export interface FairBucket {
  take(client: string, atMs: number): boolean;
}

/** Who has had nothing for so long does not wait behind those who always want something. */
const RARE_MS = 10_000;
const KEPT_CLIENTS = 1024;

/** Two buckets: one for all, and one for clients who have had nothing of late. */
export function createFairBucket(options: TokenBucketOptions): FairBucket {
  const [common, rare] = [createTokenBucket(options), createTokenBucket(options)];
  /** When a client was let in last; the newest last. */
  const served = new Map<string, number>();
  return {
    take(client, atMs) {
      const lastMs = served.get(client);
      const isRare = lastMs === undefined || atMs - lastMs >= RARE_MS;
      if (!(isRare && rare.take(atMs)) && !common.take(atMs)) return false;
      served.delete(client);
      served.set(client, atMs);
      const [oldest] = served.keys();
      if (served.size > KEPT_CLIENTS && oldest !== undefined) served.delete(oldest);
      return true;
    },
  };
}
