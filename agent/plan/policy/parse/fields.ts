import { isObject } from "../../../lib/json.ts";
import type { Fault } from "../model.ts";

/** A value of an object from outside with its path, and the list that hears of what is wrong with it. */
export interface Field {
  readonly path: string;
  readonly value: unknown;
  readonly faults: Fault[];
}

/** Longest value that is shown: a hostile object must not fill the log. */
const MAX_SHOWN_LENGTH = 80;

/** Keys that stand in a path as they are; others might fill the log, or say something to a terminal. */
const PLAIN_KEY = /^[A-Za-z0-9_./-]{1,80}$/;

/** Notes that a value cannot be read. `problem`: such as `is not a list`. */
export function refuse({ path, value, faults }: Field, problem: string): undefined {
  faults.push({ path, value: showJson(value), problem });
}

export function formatFault({ path, value, problem }: Fault): string {
  return `${path} ${value} ${problem}`;
}

/** Null stands for missing, as in the API. */
export function isAbsent({ value }: Field): boolean {
  return value === undefined || value === null;
}

/** `field[key]`, undefined where the field is no object. */
export function memberOf({ path, value, faults }: Field, key: string): Field {
  const inner = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  const dot = path === "" ? "" : ".";
  return {
    path: PLAIN_KEY.test(key) ? `${path}${dot}${key}` : `${path}[${showJson(key)}]`,
    value: inner,
    faults,
  };
}

/**
 * The named members of an object. Undefined when it is none, or has one that we do not know: then nobody can
 * tell what it means.
 */
export function readObject<Key extends string>(
  field: Field,
  keys: readonly Key[],
): Readonly<Record<Key, Field>> | undefined {
  if (!isObject(field.value)) return refuse(field, "is not an object");
  const known: readonly string[] = keys;
  const unknown = Object.keys(field.value)
    .filter((key) => !known.includes(key))
    .map((key) => memberOf(field, key))
    .filter((member) => !isAbsent(member));
  for (const member of unknown) refuse(member, "is not a known field");
  if (unknown.length > 0) return undefined;
  return Object.fromEntries(keys.map((key) => [key, memberOf(field, key)])) as Record<Key, Field>;
}

/** Elements of a list; a missing one is empty, undefined when it is none. */
export function readList(field: Field): readonly Field[] | undefined {
  const { path, value, faults } = field;
  if (isAbsent(field)) return [];
  if (!Array.isArray(value)) return refuse(field, "is not a list");
  return value.map((element: unknown, index) => ({ path: `${path}[${index}]`, value: element, faults }));
}

export function readText(field: Field): string | undefined {
  return typeof field.value === "string" ? field.value : refuse(field, "is not a text");
}

/** One of a few words. */
export function readWord<Word extends string>(field: Field, words: readonly Word[]): Word | undefined {
  return words.find((word) => word === field.value) ?? refuse(field, `is not one of ${words.join(", ")}`);
}

/** A whole number of a range. */
export function readNumber(field: Field, min: number, max: number): number | undefined {
  const { value } = field;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(field, `is not a number from ${min} to ${max}`);
}

/** Every element read, or what of them can be: what cannot is left out and noted. */
export function readEach<T>(fields: readonly Field[], read: (field: Field) => T | undefined): readonly T[] {
  return fields.map(read).filter((value) => value !== undefined);
}

/** Undefined: it has no text, as an object that holds itself, which YAML can say. */
export function writeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function showJson(value: unknown): string {
  const text = value === undefined ? "undefined" : (writeJson(value) ?? "an object that holds itself");
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH)}…`;
}
