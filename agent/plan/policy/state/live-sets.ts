import type { PolicySet, SetSpec } from "../compile/policy-table.ts";
import type { TableChange } from "./table-change.ts";

/** A set in the making: an element stays as long as somebody gives it. */
export interface LiveSet extends PolicySet {
  /** By element: how many give it. */
  readonly elements: ReadonlyMap<string, number>;
  give(element: string): void;
  take(element: string): void;
}

export interface LiveSets {
  /** Those that the table has: once they are published. */
  readonly sets: ReadonlyMap<string, LiveSet>;
  /** The set of that name for one more user; `isNew`: nothing is in it yet, and it is not published. */
  acquire(spec: SetSpec): { readonly set: LiveSet; readonly isNew: boolean };
  /** The table has the set from now on. */
  publish(set: LiveSet): void;
  /** The set, if that was its last user: it is gone. */
  release(name: string): LiveSet | undefined;
  /** What became of the sets since it was last asked. */
  collect(): readonly TableChange[];
}

interface Entry {
  readonly set: LiveSet;
  users: number;
  /** By element that was given or taken since: whether it was there before. */
  readonly touched: Map<string, boolean>;
}

export function createLiveSets(): LiveSets {
  const entries = new Map<string, Entry>();
  const sets = new Map<string, LiveSet>();
  const added = new Set<string>();
  const removed = new Set<string>();
  const dirty = new Set<Entry>();
  const touch = (entry: Entry, element: string, was: boolean): void => {
    dirty.add(entry);
    if (!entry.touched.has(element)) entry.touched.set(element, was);
  };
  const create = (spec: SetSpec): Entry => {
    const entry: Entry = {
      set: createLiveSet(spec, (element, was) => touch(entry, element, was)),
      users: 0,
      touched: new Map(),
    };
    return entry;
  };
  return {
    sets,
    acquire(spec) {
      let entry = entries.get(spec.name);
      const isNew = entry === undefined;
      if (entry === undefined) {
        entry = create(spec);
        entries.set(spec.name, entry);
      }
      entry.users += 1;
      return { set: entry.set, isNew };
    },
    publish(set) {
      if (sets.has(set.spec.name)) return;
      sets.set(set.spec.name, set);
      added.add(set.spec.name);
    },
    release(name) {
      const entry = entries.get(name);
      if (entry === undefined || --entry.users > 0) return undefined;
      entries.delete(name);
      dirty.delete(entry);
      if (sets.delete(name) && !added.delete(name)) removed.add(name);
      return entry.set;
    },
    collect() {
      const changes: TableChange[] = [];
      for (const name of removed) changes.push({ kind: "remove set", name });
      for (const { set, touched } of dirty) {
        if (!added.has(set.spec.name)) changes.push(...changesOf(set, touched));
        touched.clear();
      }
      for (const name of added) {
        const set = sets.get(name);
        if (set !== undefined)
          changes.push({ kind: "add set", spec: set.spec, elements: [...set.elements.keys()] });
      }
      for (const part of [added, removed, dirty]) part.clear();
      return changes;
    },
  };
}

function createLiveSet(spec: SetSpec, touch: (element: string, was: boolean) => void): LiveSet {
  const elements = new Map<string, number>();
  let revision = 0;
  return {
    spec,
    elements,
    get revision() {
      return revision;
    },
    give(element) {
      const count = elements.get(element) ?? 0;
      if (count === 0) {
        revision += 1;
        touch(element, false);
      }
      elements.set(element, count + 1);
    },
    take(element) {
      const count = elements.get(element) ?? 0;
      if (count > 1) elements.set(element, count - 1);
      else if (elements.delete(element)) {
        revision += 1;
        touch(element, true);
      }
    },
  };
}

function changesOf(
  { spec, elements }: LiveSet,
  touched: ReadonlyMap<string, boolean>,
): readonly TableChange[] {
  const gone = [...touched].filter(([element, was]) => was && !elements.has(element));
  const come = [...touched].filter(([element, was]) => !was && elements.has(element));
  const names = (list: readonly (readonly [string, boolean])[]): readonly string[] =>
    list.map(([element]) => element);
  return [
    ...(gone.length > 0 ? [{ kind: "remove elements", set: spec.name, elements: names(gone) } as const] : []),
    ...(come.length > 0 ? [{ kind: "add elements", set: spec.name, elements: names(come) } as const] : []),
  ];
}
