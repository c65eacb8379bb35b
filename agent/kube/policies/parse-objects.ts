import { type Document, parseAllDocuments } from "yaml";
import { isObject } from "../../lib/json.ts";
import { contentOf, jsonOf } from "../read-yaml.ts";

export interface ParseObjectsOptions {
  /** Takes one object; answers what is wrong with it, if anything. */
  readonly put: (raw: unknown) => string | undefined;
  /** Lets others have their turn. */
  readonly breathe: () => Promise<void>;
}

/**
 * So much is read in one turn of the event loop, which takes some 10 ms: a file may have ten thousands of
 * objects.
 */
const DOCUMENTS_PER_TURN = 10;
const OBJECTS_PER_TURN = 200;

/**
 * Reads a stream of YAML documents, each an object as the API has it, or a List of them; answers all that is
 * wrong with it. An empty text is refused, as it is what a reader sees while another program writes the file;
 * an empty document is not.
 */
export async function parseObjects(
  text: string,
  { put, breathe }: ParseObjectsOptions,
): Promise<readonly string[]> {
  if (text === "") return ["it is empty"];
  const faults: string[] = [];
  let documents = 0;
  let objects = 0;
  for (const [index, part] of splitStream(text).entries()) {
    if (index % DOCUMENTS_PER_TURN === 0) await breathe();
    for (const document of readPart(part)) {
      const place = `document ${++documents}`;
      try {
        for (const object of objectsOf(document())) {
          if (++objects % OBJECTS_PER_TURN === 0) await breathe();
          const fault = put(object);
          if (fault !== undefined) faults.push(`${place}: ${fault}`);
        }
      } catch (error) {
        const message = (error as Error).message.split("\n")[0] ?? "";
        faults.push(`${place} is not YAML: ${message.replace(/:$/, "")}`);
      }
    }
  }
  return faults;
}

/** A piece of the stream that can be read alone. */
interface Part {
  readonly text: string;
  /** Lines of the file before it. */
  readonly line: number;
}

/**
 * Cuts in front of each line that begins with `---`, which is a marker wherever it stands (YAML 1.2.2, rule
 * c-forbidden). Directives belong to the document behind the marker: a stream with such stays whole.
 */
function splitStream(text: string): readonly Part[] {
  if (/^%/m.test(text)) return [{ text, line: 0 }];
  const parts: Part[] = [];
  let line = 0;
  for (const part of text.split(/^(?=---(?:\s|$))/m)) {
    parts.push({ text: part, line });
    line += part.split("\n").length - 1;
  }
  return parts;
}

/** The documents of a part, each to be made into values, which throws what is wrong with it. */
function readPart({ text, line }: Part): readonly (() => unknown)[] {
  const json = jsonOf(text);
  if (json !== undefined) return [() => json];
  const documents = parseDocuments(text);
  // Read alone a part has the lines of the file only where that matters: in an error.
  const isFaulty = line > 0 && documents.some(({ errors }) => errors.length > 0);
  const told = isFaulty ? parseDocuments("\n".repeat(line) + text) : documents;
  return told.map((document) => () => contentOf(document));
}

function parseDocuments(text: string): readonly Document.Parsed[] {
  const documents = parseAllDocuments(text);
  return Array.isArray(documents) ? documents : [];
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
