import type { Scope, WatchedKind } from "./kind.ts";
import type { ObjectChange } from "./object-store.ts";
import { createReflector, type Reflector } from "./reflector.ts";
import type { ReflectorOptions } from "./run.ts";

/** Part of a collection that is followed, with how messages call it. */
export interface NamedScope extends Scope {
  readonly title?: string;
}

/** Objects of one kind from several watches at a time. */
export interface ReflectorSet<T> {
  /**
   * What is to be watched from now on. Watches that are wanted still go on; those that are not end when all
   * others have their first list, so that an object that is in an old and a new scope never seems to go.
   */
  setScopes(scopes: readonly NamedScope[]): void;
  get(key: string): T | undefined;
  /** Each object once. */
  entries(): IterableIterator<readonly [string, T]>;
  /** Whether every scope that is wanted has had its first list. */
  isComplete(): boolean;
  /** Whether the server has no such collection as this wanted scope is of. */
  isAbsent(scope: NamedScope): boolean;
  /** Asks at once for the collections that the server did not have. */
  lookAgain(): void;
  /** Of all watches, each once. */
  faults(): readonly string[];
  watches(): number;
  close(): Promise<void>;
}

export interface ReflectorSetOptions<T>
  extends Pick<
    ReflectorOptions<T>,
    "client" | "log" | "clock" | "random" | "onChange" | "consequence" | "absentWaitMs"
  > {
  readonly kind: WatchedKind<T>;
}

interface Member<T> {
  readonly id: string;
  readonly reflector: Reflector<T>;
  isWanted: boolean;
}

interface State<T> {
  readonly options: ReflectorSetOptions<T>;
  /** The longest watched first. */
  members: readonly Member<T>[];
  /** Watches that are on their way out. */
  readonly ending: Set<Promise<void>>;
}

/**
 * Follows any number of scopes of one kind as if they were one. An object that several scopes have is taken
 * from the one that is watched the longest, so it changes once and goes when the last of them has lost it.
 */
export function createReflectorSet<T>(options: ReflectorSetOptions<T>): ReflectorSet<T> {
  const state: State<T> = { options, members: [], ending: new Set() };
  return {
    setScopes(scopes) {
      const wanted = new Map(scopes.map((scope) => [idOf(scope), scope]));
      for (const member of state.members) member.isWanted = wanted.has(member.id);
      for (const { id } of state.members) wanted.delete(id);
      state.members = [...state.members, ...[...wanted].map(([id, scope]) => open(state, id, scope))];
      dropUnwanted(state);
    },
    get: (key) => find(state.members, key),
    *entries() {
      for (const [place, { reflector }] of state.members.entries())
        for (const entry of reflector.objects())
          if (find(state.members.slice(0, place), entry[0]) === undefined) yield entry;
    },
    isComplete: () => isComplete(state),
    isAbsent: (scope) =>
      state.members.some(({ id, reflector }) => id === idOf(scope) && reflector.isAbsent()),
    lookAgain() {
      for (const { reflector } of state.members) reflector.lookAgain();
    },
    faults: () => [...new Set(state.members.flatMap(({ reflector }) => reflector.fault() ?? []))],
    watches: () => state.members.length,
    async close() {
      for (const member of state.members) end(state, member);
      await Promise.all(state.ending);
    },
  };
}

function open<T>(state: State<T>, id: string, { title, ...scope }: NamedScope): Member<T> {
  const reflector = createReflector({
    ...state.options,
    scope,
    ...(title === undefined ? {} : { title }),
    onChange: (changes) => hear(state, id, changes),
  });
  return { id, reflector, isWanted: true };
}

function end<T>({ ending }: State<T>, { reflector }: Member<T>): void {
  const closed = reflector.close().finally(() => ending.delete(closed));
  ending.add(closed);
}

function find<T>(members: readonly Member<T>[], key: string): T | undefined {
  for (const { reflector } of members) {
    const object = reflector.objects().get(key);
    if (object !== undefined) return object;
  }
  return undefined;
}

function isComplete<T>({ members }: State<T>): boolean {
  return members.every(({ isWanted, reflector }) => !isWanted || reflector.isComplete());
}

function hear<T>(state: State<T>, id: string, changes: readonly ObjectChange<T>[]): void {
  const { members, options } = state;
  const place = members.findIndex((member) => member.id === id);
  const [older, younger] = [members.slice(0, place), members.slice(place + 1)];
  const visible = changes.filter(({ key }) => find(older, key) === undefined);
  options.onChange(
    visible.flatMap((change) => through(change, find(younger, change.key), options.kind) ?? []),
  );
  dropUnwanted(state);
}

/** Ends the watches that nobody wants any more, once nothing is missing without them. */
function dropUnwanted<T>(state: State<T>): void {
  const unwanted = state.members.filter(({ isWanted }) => !isWanted);
  if (unwanted.length === 0 || !isComplete(state)) return;
  const before = state.members;
  state.members = before.filter(({ isWanted }) => isWanted);
  const keys = new Set(unwanted.flatMap(({ reflector }) => [...reflector.objects().keys()]));
  const lost = [...keys].flatMap(
    (key) => replaced(key, find(before, key), find(state.members, key), state.options.kind) ?? [],
  );
  for (const member of unwanted) end(state, member);
  state.options.onChange(lost);
}

function idOf({ path, labelSelector = "", fieldSelector = "" }: NamedScope): string {
  return JSON.stringify([path, labelSelector, fieldSelector]);
}

/** A change of one scope as it looks when younger scopes have `other` under the same key. */
function through<T>(
  change: ObjectChange<T>,
  other: T | undefined,
  kind: WatchedKind<T>,
): ObjectChange<T> | undefined {
  if (other === undefined) return change;
  const { key } = change;
  if (change.type === "added") return replaced(key, other, change.after, kind);
  if (change.type === "changed") return change;
  return change.before === undefined ? undefined : replaced(key, change.before, other, kind);
}

function replaced<T>(
  key: string,
  before: T | undefined,
  after: T | undefined,
  { isSame }: WatchedKind<T>,
): ObjectChange<T> | undefined {
  if (before === undefined || after === undefined)
    return before === undefined ? undefined : { type: "removed", key, before };
  return isSame(before, after) ? undefined : { type: "changed", key, before, after };
}
