/**
 * Labels as a flat list of keys and values, sorted by key: a hundred bytes where a map takes four hundred.
 * Equal ones are one object.
 */
export type Labels = readonly string[];

/** Keeps one object for all that have the same content, for as long as somebody uses it. */
export interface Interner<T extends object> {
  intern(value: T): T;
}

/** `keyOf` is the same for the same content only. */
export function createInterner<T extends object>(keyOf: (value: T) => string): Interner<T> {
  const known = new Map<string, WeakRef<T>>();
  const registry = new FinalizationRegistry<string>((key) => {
    // Another one may have come into its place meanwhile.
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });
  return {
    intern(value) {
      const key = keyOf(value);
      const same = known.get(key)?.deref();
      if (same !== undefined) return same;
      known.set(key, new WeakRef(value));
      registry.register(value, key);
      return value;
    },
  };
}

const labelSets = createInterner<Labels>((labels) => labels.join("\0"));

export const NO_LABELS: Labels = labelSets.intern([]);

export function labelsOf(record: Readonly<Record<string, string>>): Labels {
  const keys = Object.keys(record).toSorted();
  return labelSets.intern(keys.flatMap((key) => [key, record[key] ?? ""]));
}

/** Undefined: there is no such label. */
export function labelValue(labels: Labels, key: string): string | undefined {
  for (let index = 0; index < labels.length; index += 2) if (labels[index] === key) return labels[index + 1];
  return undefined;
}
