import { garbageError } from "../api/api-error.ts";
import { objectKey, type WatchedKind } from "./kind.ts";
import type { WatchEvent } from "./read/watch-objects.ts";

/**
 * Usable objects, and the reason for each unusable one; a key ({@link objectKey}) is in one of the two at
 * most.
 */
export interface ObjectStore<T> {
  readonly objects: Map<string, T>;
  readonly skipped: Map<string, string>;
}

/**
 * What became of one object. Every projection is the same object for as long as nothing changes that the
 * agent uses.
 */
export type ObjectChange<T> =
  | { readonly type: "added"; readonly key: string; readonly after: T }
  | { readonly type: "changed"; readonly key: string; readonly before: T; readonly after: T }
  /** `before` is undefined of one that could not be used. */
  | { readonly type: "removed"; readonly key: string; readonly before: T | undefined }
  /** It is there and cannot be used, for another reason than before. */
  | {
      readonly type: "skipped";
      readonly key: string;
      readonly before: T | undefined;
      readonly reason: string;
    };

/** Stands for objects whose name cannot be told; none can be called so. */
const UNNAMED = "(no name)";

export function createObjectStore<T>(): ObjectStore<T> {
  return { objects: new Map(), skipped: new Map() };
}

/**
 * Projects a raw object and puts it where it belongs; answers its key. A projection that `known` has already
 * is taken from there.
 */
export function putObject<T>(
  kind: WatchedKind<T>,
  { objects, skipped }: ObjectStore<T>,
  raw: unknown,
  known: ObjectStore<T>,
): string {
  const key = objectKey(raw) ?? UNNAMED;
  const projection = kind.project(raw);
  if (projection.kind === "usable" && key !== UNNAMED) {
    const old = known.objects.get(key);
    objects.set(key, old !== undefined && kind.isSame(old, projection.object) ? old : projection.object);
    skipped.delete(key);
    return key;
  }
  skipped.set(key, projection.kind === "usable" ? "metadata.name is not a name" : projection.reason);
  objects.delete(key);
  return key;
}

/**
 * Applies an event; answers the change when anything that the agent uses is another: most events of a cluster
 * are heartbeats. Throws when a deleted object cannot be told, since only a list can show what is left then.
 */
export function applyEvent<T>(
  kind: WatchedKind<T>,
  store: ObjectStore<T>,
  { type, object }: WatchEvent,
  known = store,
): ObjectChange<T> | undefined {
  if (type === "BOOKMARK") return undefined;
  const key = objectKey(object);
  if (type === "DELETED" && key === undefined) throw garbageError(`a ${kind.noun} without name was deleted`);
  const before = entryOf(store, key ?? UNNAMED);
  if (type === "DELETED" && key !== undefined) {
    store.objects.delete(key);
    store.skipped.delete(key);
  } else putObject(kind, store, object, known);
  return changeOf(key ?? UNNAMED, before, entryOf(store, key ?? UNNAMED));
}

/** From one store to another that was filled with its projections. Removals come first. */
export function diffStores<T>(before: ObjectStore<T>, after: ObjectStore<T>): readonly ObjectChange<T>[] {
  const [removals, others]: [ObjectChange<T>[], ObjectChange<T>[]] = [[], []];
  const compare = (key: string): void => {
    const change = changeOf(key, entryOf(before, key), entryOf(after, key));
    if (change !== undefined) (change.type === "removed" ? removals : others).push(change);
  };
  for (const map of [before.objects, before.skipped]) for (const key of map.keys()) compare(key);
  for (const map of [after.objects, after.skipped])
    for (const key of map.keys()) if (!before.objects.has(key) && !before.skipped.has(key)) compare(key);
  return [...removals, ...others];
}

interface Entry<T> {
  readonly object: T | undefined;
  readonly reason: string | undefined;
}

function entryOf<T>({ objects, skipped }: ObjectStore<T>, key: string): Entry<T> {
  return { object: objects.get(key), reason: skipped.get(key) };
}

function changeOf<T>(key: string, before: Entry<T>, after: Entry<T>): ObjectChange<T> | undefined {
  const { object, reason } = after;
  if (object !== undefined) {
    if (before.object === undefined) return { type: "added", key, after: object };
    return before.object === object
      ? undefined
      : { type: "changed", key, before: before.object, after: object };
  }
  if (reason !== undefined)
    return reason === before.reason ? undefined : { type: "skipped", key, before: before.object, reason };
  if (before.object === undefined && before.reason === undefined) return undefined;
  return { type: "removed", key, before: before.object };
}
