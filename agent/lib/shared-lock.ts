/**
 * Many shared holders at the same time, or one exclusive one. Who waits for exclusive use lets no new sharer
 * overtake it.
 */
export interface SharedLock {
  shared<T>(work: () => Promise<T>): Promise<T>;
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

export function createSharedLock(): SharedLock {
  /** Ends when the last exclusive holder, running or waiting, is done. */
  let lastExclusive: Promise<unknown> = Promise.resolve();
  const sharers = new Set<Promise<unknown>>();
  return {
    async shared(work) {
      const running = lastExclusive.then(work);
      const settled = running.catch(() => undefined); // the caller gets the failure, the lock only the end
      sharers.add(settled);
      try {
        return await running;
      } finally {
        sharers.delete(settled);
      }
    },
    async exclusive(work) {
      const running = Promise.all([lastExclusive, ...sharers]).then(work);
      lastExclusive = running.catch(() => undefined);
      return running;
    },
  };
}
