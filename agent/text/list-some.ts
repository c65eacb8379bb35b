interface ListOptions<Item> {
  readonly max: number;
  readonly separator?: string;
  /** Of the items that are shown: there may be thousands of others. */
  readonly format?: (item: Item) => string;
}

/** The first `max` items, and how many more there are: of thousands the first ones say which they are. */
export function listSome<Item>(items: readonly Item[], options: ListOptions<Item>): string {
  const { max, separator = ", ", format = String } = options;
  const more = items.length - max;
  const shown = items.slice(0, max).map((item) => format(item));
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
}
