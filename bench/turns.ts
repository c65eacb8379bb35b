/**
 * The order of a round, such that over as many rounds as there are programs each follows every other about
 * equally often (Williams 1949): what the one before has left to do for the kernel, and in its caches, must
 * not always hit the same.
 */
export function inTurn<T>(items: readonly T[], round: number): T[] {
  const count = items.length;
  return items.map((_, place) => {
    const step = place % 2 === 1 ? (place + 1) / 2 : count - place / 2;
    return items[(step + round) % count] as T;
  });
}

/** The numbers below `count` that belong to one of `parts` equal parts. */
export function slice(count: number, part: number, parts: number): number[] {
  const start = Math.floor((count * part) / parts);
  const end = Math.floor((count * (part + 1)) / parts);
  return Array.from({ length: end - start }, (_, index) => start + index);
}
