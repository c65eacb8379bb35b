import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../lib/clock.ts";
import { isObject } from "../../lib/json.ts";
import type { ObjectChange as EngineChange } from "../../plan/policy/state/objects/object-change.ts";
import type { Log } from "../log.ts";
import { metadataOf, type WatchedKind } from "../reflector/kind.ts";
import {
  createObjectStore,
  diffStores,
  type ObjectChange,
  type ObjectStore,
  putObject,
} from "../reflector/object-store.ts";
import { watchFile } from "../watch-file.ts";
import { CLUSTER_POLICIES, NAMESPACES, NETWORK_POLICIES, podKind } from "./kinds.ts";
import { namespaceChange, podChange, policyChange } from "./policy-changes.ts";
import { parseObjects } from "./parse-objects.ts";
import type { HearObjects, PolicySource } from "./policy-source.ts";

export interface ObjectsFileOptions {
  readonly path: string;
  readonly nodeName: string;
  readonly onChange: HearObjects;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Follows the objects that a file names: see {@link parseObjects}. They are all there, so that no more need
 * be asked for.
 */
export function watchObjectsFile({ nodeName, onChange, ...options }: ObjectsFileOptions): PolicySource {
  const reader = createObjectsReader(nodeName, setImmediate);
  let isClosed = false;
  const file = watchFile({
    ...options,
    noun: "objects file",
    async take(text) {
      const read = await reader.read(text);
      if ("faults" in read) return read;
      if (!isClosed) onChange(read.changes, true);
      return { counts: { objects: reader.size() } };
    },
    onChange: () => onChange([], false),
  });
  return {
    follow: () => undefined,
    isComplete: file.isComplete,
    faults: () => [file.fault()].filter((fault) => fault !== undefined),
    notices: () => [],
    watches: () => 1,
    async close() {
      isClosed = true;
      await file.close();
    },
  };
}

/** Reads one content of the file after the other. */
export interface ObjectsReader {
  /**
   * What became of the objects since the last content that could be used; or what is wrong with this one,
   * which then counts for nothing.
   */
  read(
    text: string,
  ): Promise<{ readonly faults: readonly string[] } | { readonly changes: readonly EngineChange[] }>;
  size(): number;
}

/** `breathe`: lets others have their turn. */
export function createObjectsReader(nodeName: string, breathe: () => Promise<void>): ObjectsReader {
  const kinds = fileKinds(nodeName);
  let size = 0;
  return {
    async read(text) {
      for (const kind of kinds) kind.begin();
      const faults = await parseObjects(text, { put: (raw) => putInKind(raw, kinds), breathe });
      if (faults.length > 0) return { faults };
      size = kinds.reduce((sum, kind) => sum + kind.named().size, 0);
      addNamespaces(kinds);
      return { changes: kinds.flatMap((kind) => kind.take()) };
    },
    size: () => size,
  };
}

/** Those that pods are in are there, and have the label that API servers give them. */
function addNamespaces([namespaces, pods]: FileKinds): void {
  const known = new Set(namespaces.named().keys());
  for (const key of pods.named().keys()) {
    const [name = ""] = key.split("/");
    if (known.has(name)) continue;
    known.add(name);
    namespaces.put({ metadata: { name, labels: { "kubernetes.io/metadata.name": name } } });
  }
}

/** A kind as files have it. */
interface FileKind {
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Forgets what was put before. */
  begin(): void;
  /** What is wrong with the object, if anything. */
  put(raw: unknown): string | undefined;
  /** What was put takes the place of what was taken last. */
  take(): readonly EngineChange[];
  /** What was put, by name. */
  named(): Pick<ReadonlyMap<string, unknown>, "size" | "keys">;
}

/** Namespaces and pods before the others. */
type FileKinds = readonly [FileKind, FileKind, ...FileKind[]];

function fileKinds(nodeName: string): FileKinds {
  return [
    fileKind(NAMESPACES, namespaceChange, false),
    fileKind(podKind(nodeName), podChange, true),
    fileKind(NETWORK_POLICIES, policyChange, true),
    fileKind(CLUSTER_POLICIES, policyChange, false),
  ];
}

function fileKind<T>(
  kind: WatchedKind<T>,
  translate: (change: ObjectChange<T>) => EngineChange | undefined,
  isNamespaced: boolean,
): FileKind {
  let taken: ObjectStore<T> = createObjectStore();
  let fresh: ObjectStore<T> = createObjectStore();
  return {
    kind: kind.kind,
    isNamespaced,
    begin() {
      fresh = createObjectStore();
    },
    put(raw) {
      const { size } = fresh.objects;
      const key = putObject(kind, fresh, raw, taken);
      if (!fresh.objects.has(key)) return fresh.skipped.get(key);
      return fresh.objects.size > size ? undefined : `${kind.noun} "${key}" is there twice`;
    },
    take() {
      const changes = diffStores(taken, fresh);
      taken = fresh;
      return changes.flatMap((change) => translate(change) ?? []);
    },
    named: () => fresh.objects,
  };
}

/** Objects of other kinds are faults: whoever writes one expects that it counts. */
function putInKind(raw: unknown, kinds: readonly FileKind[]): string | undefined {
  if (!isObject(raw)) return "it is not an object";
  const kind = kinds.find((candidate) => candidate.kind === raw["kind"]);
  if (kind === undefined)
    return `kind ${JSON.stringify(raw["kind"])} is not one of ${kinds.map((each) => each.kind).join(", ")}`;
  const metadata = metadataOf(raw);
  // As kubectl does it.
  const namespaced = kind.isNamespaced ? { namespace: "default", ...metadata } : metadata;
  return kind.put({ ...raw, metadata: namespaced });
}
