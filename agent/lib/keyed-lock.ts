/** Runs functions one after the other where they share a key, at the same time where they do not. */
export interface KeyedLock {
  run<T>(key: string, critical: () => Promise<T>): Promise<T>;
}

/**
 * Order is the order of the calls; a failed function does not stop those behind it; keys take no memory once
 * idle.
 */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async run(key, critical) {
      const before = tails.get(key);
      const result = before === undefined ? critical() : before.then(critical, critical);
      const tail = result.catch(() => undefined); // the caller gets the failure, the queue only the end
      tails.set(key, tail);
      try {
        return await result;
      } finally {
        if (tails.get(key) === tail) tails.delete(key);
      }
    },
  };
}
