import { isObject, type JsonObject } from "../../lib/json.ts";
import { isDnsSubdomain } from "../../net/dns-name.ts";

/** A raw object as the agent understands it. */
export type Projection<T> =
  | { readonly kind: "usable"; readonly object: T }
  /** `reason` names each fault by key and value. */
  | { readonly kind: "malformed"; readonly reason: string };

/** What has to be known of a kind of object to follow it. */
export interface WatchedKind<T> {
  /** As objects say it: "Node". */
  readonly kind: string;
  /** As paths and permissions say it: "nodes". */
  readonly resource: string;
  /** API group; empty for the core. */
  readonly group: string;
  /** For messages about one object: "node". */
  readonly noun: string;
  /** Nothing but the metadata of objects is asked for. */
  readonly isMetadataOnly?: boolean;
  /**
   * A collection that the server does not have (404) has no objects: its CustomResourceDefinition may come
   * later.
   */
  readonly mayBeAbsent?: boolean;
  /** Never throws, whatever a broken server or a hand-made object may hold. */
  project(raw: unknown): Projection<T>;
  /**
   * Whether two projections of one object differ in nothing that the agent uses. Then the older one is kept.
   */
  isSame(a: T, b: T): boolean;
}

/** The part of a collection that one watch follows. */
export interface Scope {
  /** Of the collection, or of one namespace's part of it, below the server's base URL. */
  readonly path: string;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** The parameters of a request that narrow it to a scope. */
export function selectorsOf({ labelSelector, fieldSelector }: Scope): Readonly<Record<string, string>> {
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** Header that asks for the form of the answer; undefined for the whole objects. */
export function acceptOf({ isMetadataOnly }: WatchedKind<unknown>, form: "" | "List"): string | undefined {
  if (isMetadataOnly !== true) return undefined;
  return `application/json;as=PartialObjectMetadata${form};g=meta.k8s.io;v=v1, application/json`;
}

/** What an object of the API says of itself; empty where it has no metadata. */
export function metadataOf(raw: unknown): JsonObject {
  const metadata = isObject(raw) ? raw["metadata"] : undefined;
  return isObject(metadata) ? metadata : {};
}

/**
 * `NAME`, or `NAMESPACE/NAME` of an object in a namespace; undefined when it has no name that the API allows.
 */
export function objectKey(raw: unknown): string | undefined {
  const { name, namespace } = metadataOf(raw);
  if (!isDnsSubdomain(name)) return undefined;
  if (namespace === undefined || namespace === "") return name;
  // Joined it is one text; put together otherwise V8 keeps its pieces, which take twice the room.
  return isDnsSubdomain(namespace) ? [namespace, name].join("/") : undefined;
}
