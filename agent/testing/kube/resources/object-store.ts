import { randomUUID } from "node:crypto";
import type { JsonObject } from "../../../lib/json.ts";

/** A stored object, as JSON: thousands of parsed ones would not fit a test. */
export interface StoredObject {
  /** `NAME` or `NAMESPACE/NAME`. */
  readonly key: string;
  readonly uid: string;
  readonly json: Buffer;
}

export interface JournalEntry {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly key: string;
  /** Of a deleted object its last state, under the version of its deletion. */
  readonly json: Buffer;
  /** What was there before; undefined of a new object. */
  readonly before: Buffer | undefined;
}

/** Versioned objects of one kind with a journal, as etcd has them. */
export interface ObjectStore {
  /**
   * Creates or replaces an object, which may be as malformed as the test likes. Version and, where it has
   * none, UID are filled in.
   */
  put(key: string, object: JsonObject): void;
  remove(key: string): void;
  /** Ordered by key. The array is a snapshot. */
  list(): readonly StoredObject[];
  version(): number;
  /** Lets versions move on, as writes of other kinds of objects do. */
  advance(versions: number): void;
  /** Events after `version`, or undefined when the journal does not reach back that far. */
  since(version: number): readonly JournalEntry[] | undefined;
  /** Forgets the journal: every older version is gone from now on. */
  compact(): void;
  /** Hears each new entry; the returned function ends it. */
  listen(listener: (entry: JournalEntry) => void): () => void;
}

export function createObjectStore(): ObjectStore {
  const objects = new Map<string, StoredObject>();
  const listeners = new Set<(entry: JournalEntry) => void>();
  let journal: JournalEntry[] = [];
  let version = 1000;
  let oldest = version;

  const append = (entry: JournalEntry): void => {
    journal.push(entry);
    for (const listener of listeners) listener(entry);
  };

  return {
    put(key, object) {
      version++;
      const old = objects.get(key);
      const uid = old?.uid ?? randomUUID();
      const metadata = typeof object["metadata"] === "object" ? object["metadata"] : {};
      const json = toJson({ ...object, metadata: { uid, ...metadata, resourceVersion: String(version) } });
      objects.set(key, { key, uid, json });
      append({ version, type: old === undefined ? "ADDED" : "MODIFIED", key, json, before: old?.json });
    },
    remove(key) {
      const old = objects.get(key);
      if (old === undefined) throw new Error(`Cannot remove "${key}": it does not exist`);
      version++;
      objects.delete(key);
      append({ version, type: "DELETED", key, json: withVersion(old.json, version), before: old.json });
    },
    list: () => [...objects.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    version: () => version,
    advance(versions) {
      version += versions;
    },
    since: (from) => (from < oldest ? undefined : journal.filter((entry) => entry.version > from)),
    compact() {
      journal = [];
      // Writes that concern other kinds of objects move the version on too.
      version++;
      oldest = version;
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** An object under the version of a later event about it. */
export function withVersion(json: Buffer, version: number): Buffer {
  const object = JSON.parse(json.toString("utf8")) as { metadata: object };
  return toJson({ ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
}

function toJson(object: object): Buffer {
  return Buffer.from(JSON.stringify(object));
}
