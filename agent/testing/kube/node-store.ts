import { randomUUID } from "node:crypto";

/** What a test says of a node; the store adds what an API server adds. */
export interface NodeSpec {
  readonly name: string;
  readonly addresses?: readonly string[];
  readonly podCIDRs?: readonly string[];
  /** Size to which the object is filled up, as images and managed fields fill real ones. */
  readonly bytes?: number;
}

/** A stored object, as JSON: thousands of parsed ones would not fit a test. */
export interface StoredNode {
  readonly name: string;
  readonly uid: string;
  readonly json: Buffer;
}

export interface JournalEntry {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly name: string;
  readonly json: Buffer;
}

/** Versioned nodes with a journal, as etcd has them. */
export interface NodeStore {
  /** Creates or replaces a node, from a spec or from a raw object, which may be as malformed as the test likes. */
  put(node: NodeSpec | { readonly raw: Readonly<Record<string, unknown>>; readonly name: string }): void;
  remove(name: string): void;
  /** Ordered by name. The array is a snapshot. */
  list(): readonly StoredNode[];
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

export function createNodeStore(): NodeStore {
  const nodes = new Map<string, StoredNode>();
  const listeners = new Set<(entry: JournalEntry) => void>();
  let journal: JournalEntry[] = [];
  let version = 1000;
  let oldest = version;

  const append = (entry: JournalEntry): void => {
    journal.push(entry);
    for (const listener of listeners) listener(entry);
  };

  return {
    put(node) {
      version++;
      const { name } = node;
      const old = nodes.get(name);
      const uid = old?.uid ?? randomUUID();
      const identity = { uid, resourceVersion: String(version) };
      const object = "raw" in node ? rawNode(node.raw, identity) : specNode(node, identity);
      const json = Buffer.from(JSON.stringify(object));
      nodes.set(name, { name, uid, json });
      append({ version, type: old === undefined ? "ADDED" : "MODIFIED", name, json });
    },
    remove(name) {
      const old = nodes.get(name);
      if (old === undefined) throw new Error(`Cannot remove node "${name}": it does not exist`);
      version++;
      nodes.delete(name);
      // The last state of the object under the version of its deletion.
      const last = JSON.parse(old.json.toString("utf8")) as { metadata: object };
      const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(version) } };
      append({ version, type: "DELETED", name, json: Buffer.from(JSON.stringify(object)) });
    },
    list: () => [...nodes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
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

interface Identity {
  readonly uid: string;
  readonly resourceVersion: string;
}

function rawNode(raw: Readonly<Record<string, unknown>>, identity: Identity): object {
  const metadata = typeof raw["metadata"] === "object" ? raw["metadata"] : {};
  return { ...raw, metadata: { ...identity, ...metadata, resourceVersion: identity.resourceVersion } };
}

function specNode({ name, addresses = [], podCIDRs = [], bytes = 0 }: NodeSpec, identity: Identity): object {
  const node = {
    metadata: { name, ...identity, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      ...(podCIDRs.length > 0 ? { podCIDR: podCIDRs[0], podCIDRs } : {}),
      providerID: `test://${name}`,
    },
    status: {
      addresses: [
        ...addresses.map((address) => ({ type: "InternalIP", address })),
        { type: "Hostname", address: name },
      ],
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }],
      images: [] as object[],
    },
  };
  for (let size = JSON.stringify(node).length; size < bytes; ) {
    const digest = `${node.status.images.length}`.padStart(64, "0");
    const image = { names: [`registry.test/app@sha256:${digest}`], sizeBytes: 12_345_678 };
    node.status.images.push(image);
    size += JSON.stringify(image).length + 1;
  }
  return node;
}
