/** Bounds how many functions run at the same time; the others wait in order. */
export interface Limiter {
  run<T>(work: () => Promise<T>): Promise<T>;
  waiting(): number;
  running(): number;
}

export function createLimiter(limit: number): Limiter {
  const queue: (() => void)[] = [];
  let running = 0;
  return {
    async run(work) {
      if (running >= limit) await new Promise<void>((resolve) => queue.push(resolve));
      else running++;
      try {
        return await work();
      } finally {
        // The place goes straight to the next in line, so that a newcomer cannot overtake it.
        const next = queue.shift();
        if (next === undefined) running--;
        else next();
      }
    },
    waiting: () => queue.length,
    running: () => running,
  };
}
