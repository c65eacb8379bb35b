interface ListOptions {
  readonly max: number;
  readonly separator?: string;
}

/** The first `max` items, and how many more there are: of thousands the first ones say which they are. */
export function listSome(items: readonly string[], { max, separator = ", " }: ListOptions): string {
  const more = items.length - max;
  return [...items.slice(0, max), ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
}
