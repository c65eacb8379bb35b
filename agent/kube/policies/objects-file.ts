import { type Document, parseAllDocuments } from "yaml";
import type { Clock } from "../../lib/clock.ts";
import { isObject } from "../../lib/json.ts";
import type { ObjectChange as EngineChange } from "../../plan/policy/state/objects/object-change.ts";
import type { Log } from "../log.ts";
import type { WatchedKind } from "../reflector/kind.ts";
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
import type { HearObjects, PolicySource } from "./policy-source.ts";

export interface ObjectsFileOptions {
  readonly path: string;
  readonly nodeName: string;
  readonly onChange: HearObjects;
  readonly log: Log;
  readonly clock: Clock;
}

/** Follows the objects that a file names: see {@link parseObjectsFile}. They are all there, so that no more need be asked for. */
export function watchObjectsFile({ nodeName, onChange, ...options }: ObjectsFileOptions): PolicySource {
  const kinds = fileKinds(nodeName);
  const file = watchFile({
    ...options,
    noun: "objects file",
    take(text) {
      const faults = parseObjectsFile(text, kinds);
      if (faults.length > 0) return Promise.resolve({ faults });
      onChange(
        kinds.flatMap((kind) => kind.take()),
        true,
      );
      return Promise.resolve({ counts: { objects: kinds.reduce((sum, kind) => sum + kind.size(), 0) } });
    },
    onChange: () => onChange([], false),
  });
  return {
    follow: () => undefined,
    isComplete: file.isComplete,
    faults: () => [file.fault()].filter((fault) => fault !== undefined),
    notices: () => [],
    watches: () => 1,
    close: file.close,
  };
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
  size(): number;
}

function fileKinds(nodeName: string): readonly FileKind[] {
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
    size: () => taken.objects.size,
  };
}

/**
 * Reads a stream of YAML documents, each an object as the API has it, or a List of them; answers all that is wrong with it. Objects of other kinds
 * are faults: whoever writes one expects that it counts. An empty text is refused, as it is what a reader sees while another program writes the file;
 * an empty document is not.
 */
function parseObjectsFile(text: string, kinds: readonly FileKind[]): readonly string[] {
  const faults: string[] = [];
  for (const kind of kinds) kind.begin();
  if (text === "") return ["it is empty"];
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) return [];
  for (const [index, document] of documents.entries()) {
    const place = `document ${index + 1}`;
    try {
      for (const object of objectsOf(contentOf(document))) {
        const fault = putInKind(object, kinds);
        if (fault !== undefined) faults.push(`${place}: ${fault}`);
      }
    } catch (error) {
      const message = (error as Error).message.split("\n")[0] ?? "";
      faults.push(`${place} is not YAML: ${message.replace(/:$/, "")}`);
    }
  }
  return faults;
}

/** Throws what is wrong with it; aliases without end are noticed only by toJS(). */
function contentOf(document: Document.Parsed): unknown {
  const [error] = document.errors;
  if (error !== undefined) throw error;
  return document.toJS({ maxAliasCount: 100 });
}

/** Of a List its items; of a document without content nothing. */
function objectsOf(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (isObject(value) && typeof value["kind"] === "string" && value["kind"].endsWith("List")) {
    const { items } = value;
    return Array.isArray(items) ? items : [];
  }
  return [value];
}

function putInKind(raw: unknown, kinds: readonly FileKind[]): string | undefined {
  if (!isObject(raw)) return "it is not an object";
  const kind = kinds.find((candidate) => candidate.kind === raw["kind"]);
  if (kind === undefined)
    return `kind ${JSON.stringify(raw["kind"])} is not one of ${kinds.map((each) => each.kind).join(", ")}`;
  const metadata = isObject(raw["metadata"]) ? raw["metadata"] : {};
  // As kubectl does it.
  const namespaced = kind.isNamespaced ? { namespace: "default", ...metadata } : metadata;
  return kind.put({ ...raw, metadata: namespaced });
}
