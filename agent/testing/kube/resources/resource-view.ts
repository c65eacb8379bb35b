import { isObject, type JsonObject } from "../../../lib/json.ts";
import { type JournalEntry, withVersion } from "./object-store.ts";
import type { Resource, ResourcePath } from "./resource.ts";
import { parseFieldSelector, parseLabelSelector, type Selector } from "./selectors.ts";

export type Query = Readonly<Record<string, string>>;

/** The objects of one request, in the form that it asks for. */
export interface ResourceView {
  readonly listKind: string;
  holds(json: Buffer): boolean;
  /** Element of a list. */
  item(json: Buffer): string | Buffer;
  /** Object of an event: says what it is. */
  object(json: Buffer): string;
  /** What becomes of the view by a change of one object; undefined: nothing. */
  line(entry: JournalEntry): string | undefined;
  /** Object of a bookmark. */
  bookmark(version: number, annotations?: JsonObject): string;
}

/** Throws RangeError for a selector that cannot be read. */
export function createResourceView(
  { kind, apiVersion }: Resource,
  { namespace }: Pick<ResourcePath, "namespace">,
  { labelSelector, fieldSelector }: Query,
  isPartial: boolean,
): ResourceView {
  const selectors: Selector[] = [];
  if (namespace !== undefined) selectors.push(inNamespace(namespace));
  if (labelSelector !== undefined) selectors.push(parseLabelSelector(labelSelector));
  if (fieldSelector !== undefined) selectors.push(parseFieldSelector(fieldSelector));
  const own = isPartial
    ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" }
    : { kind, apiVersion };
  const head = JSON.stringify(own).slice(0, -1);

  const holds = (json: Buffer): boolean => {
    if (selectors.length === 0) return true;
    const object = parse(json);
    return selectors.every((selector) => selector(object));
  };
  const object = (json: Buffer): string =>
    isPartial
      ? JSON.stringify({ ...own, metadata: parse(json)["metadata"] })
      : `${head},${json.toString("utf8").slice(1)}`;

  return {
    listKind: `${own.kind}List`,
    holds,
    item: (json) => (isPartial ? object(json) : json),
    object,
    line({ type, json, before, version }) {
      const isIn = type !== "DELETED" && holds(json);
      const wasIn = before !== undefined && holds(before);
      if (isIn) return watchLine(wasIn ? "MODIFIED" : "ADDED", object(json));
      return wasIn ? watchLine("DELETED", object(withVersion(before, version))) : undefined;
    },
    bookmark(version, annotations) {
      const metadata = {
        resourceVersion: String(version),
        creationTimestamp: null,
        ...(annotations === undefined ? {} : { annotations }),
      };
      return watchLine("BOOKMARK", JSON.stringify({ ...own, metadata }));
    },
  };
}

export function watchLine(type: string, object: string): string {
  return `{"type":"${type}","object":${object}}\n`;
}

/** Objects of tests need not repeat the namespace that their path says. */
function inNamespace(namespace: string): Selector {
  return ({ metadata }) => isObject(metadata) && (metadata["namespace"] ?? namespace) === namespace;
}

function parse(json: Buffer): JsonObject {
  return JSON.parse(json.toString("utf8")) as JsonObject;
}
