import { isObject, type JsonObject } from "../../lib/json.ts";

/** Go decodes keys whatever their case, and runtimes written in Go rely on it. */
export function valueAt(object: JsonObject | undefined, key: string): unknown {
  if (object === undefined) return undefined;
  // As nearly all runtimes write it, of thousands of ports.
  if (Object.hasOwn(object, key)) return object[key] ?? undefined;
  return (
    Object.entries(object).find(([candidate]) => candidate.toLowerCase() === key.toLowerCase())?.[1] ??
    undefined
  );
}

/** The object under a key, or undefined when there is none. */
export function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object?.[key];
  return isObject(value) ? value : undefined;
}
