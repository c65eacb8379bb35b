/** The last few of many things. */
export interface Ring<Item> {
  push(item: Item): void;
  /** The newest first. */
  list(): readonly Item[];
}

export function createRing<Item>(size: number): Ring<Item> {
  const items: Item[] = [];
  /** Where the next one goes, once the ring is full. */
  let next = 0;
  return {
    push(item) {
      items[next] = item;
      next = (next + 1) % size;
    },
    list: () => [...items.slice(next), ...items.slice(0, next)].toReversed(),
  };
}
