import type { Document } from "yaml";
import { tryParseJson } from "../lib/json.ts";

/**
 * The value of a document that is JSON; undefined: it is not. YAML reads JSON as well, and says where it
 * breaks, but takes a hundred times as long.
 */
export function jsonOf(text: string): unknown {
  const body = text.replace(/^---\s/, "");
  return /^\s*[[{]/.test(body) ? tryParseJson(body) : undefined;
}

/** Throws what is wrong with a document; aliases without end are noticed only by toJS(). */
export function contentOf(document: Document.Parsed): unknown {
  const [error] = document.errors;
  if (error !== undefined) throw error;
  return document.toJS({ maxAliasCount: 100 });
}
