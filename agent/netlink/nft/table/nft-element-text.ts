import { concatenate } from "../nft-elements.ts";
import { formatInterval, joinIntervals } from "../nft-intervals.ts";
import type { KernelElement } from "../nft-listed-elements.ts";
import { formatFields, type KeyField, keyFields, padded, parseType } from "../nft-values.ts";
import type { NftElement } from "./nft-set-elements.ts";

/** What the text of a set's elements means. */
export interface ElementForm {
  /** As {@link formatType} writes it. */
  readonly type: string;
  readonly isInterval: boolean;
}

/**
 * Elements as text: `10.244.1.7 . 6 . 80`; of intervals each field an address, a prefix, a number or
 * `FIRST-LAST`.
 */
export interface ElementCodec {
  /** One for the kernel, or two for an interval of one field. `text` is canonical. */
  parse(text: string): readonly NftElement[];
  /** In whatever order the kernel lists them; elements for all other keys (`*`) have no text. */
  format(elements: readonly KernelElement[]): readonly { text: string; element: KernelElement }[];
}

export function elementCodec({ type, isInterval }: ElementForm): ElementCodec {
  const fields = keyFields(type);
  const number = parseType(type);
  const [first] = fields;
  if (!isInterval || first === undefined)
    return {
      parse: (text) => [{ key: parseKey(fields, text) }],
      format: (elements) => withKeys(elements, (key) => formatFields(number, key)),
    };
  if (fields.length === 1)
    return {
      parse: (text) => parseSpan(first, text),
      format: (elements) => joinIntervals(number, elements),
    };
  const types = type.split(" . ").map((name, index) => {
    return { number: parseType(name), bytes: fields[index]?.bytes ?? 0 };
  });
  return {
    parse: (text) => [parseBox(fields, text)],
    format: (elements) => withKeys(elements, (key, { keyEnd = key }) => formatBox(types, key, keyEnd)),
  };
}

function withKeys(
  elements: readonly KernelElement[],
  format: (key: Buffer, element: KernelElement) => string,
): readonly { text: string; element: KernelElement }[] {
  return elements.flatMap((element) =>
    element.key === undefined ? [] : [{ text: format(element.key, element), element }],
  );
}

function parseKey(fields: readonly KeyField[], text: string): Uint8Array {
  const [only] = fields;
  if (fields.length === 1 && only !== undefined) return only.parse(text);
  const parts = text.split(" . ");
  return concatenate(fields.map(({ parse }, index) => parse(parts[index] ?? "")));
}

interface Span {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

function readSpan({ parse, bytes }: KeyField, text: string): Span {
  const [prefix = "", length] = text.split("/");
  if (length !== undefined) {
    const first = parse(prefix);
    return { first, last: lastOf(first, Number(length)) };
  }
  const [from = "", to = from] = text.split("-");
  const first = parse(from);
  if (first.length !== bytes) throw new RangeError(`Cannot write element "${text}"`);
  return { first, last: to === from ? first : parse(to) };
}

/** The last address of a prefix. */
function lastOf(first: Uint8Array, prefixLength: number): Uint8Array {
  return first.map((byte, index) => {
    const fixed = Math.min(8, Math.max(0, prefixLength - 8 * index));
    return byte | (0xff >>> fixed);
  });
}

/** Where it begins and, unless it reaches to the last key, behind its end. */
function parseSpan(field: KeyField, text: string): readonly NftElement[] {
  const { first, last } = readSpan(field, text);
  const behind = Uint8Array.from(last);
  for (let index = behind.length - 1; index >= 0; index--) {
    behind[index] = (behind[index] ?? 0) + 1;
    if (behind[index] !== 0) return [{ key: first }, { key: behind, isEnd: true }];
  }
  return [{ key: first }];
}

/** An interval of each field. */
function parseBox(fields: readonly KeyField[], text: string): NftElement {
  const parts = text.split(" . ");
  const spans = fields.map((field, index) => readSpan(field, parts[index] ?? ""));
  return {
    key: concatenate(spans.map(({ first }) => first)),
    keyEnd: concatenate(spans.map(({ last }) => last)),
  };
}

function formatBox(
  types: readonly { readonly number: number; readonly bytes: number }[],
  key: Buffer,
  keyEnd: Buffer,
): string {
  let offset = 0;
  const texts = types.map(({ number, bytes }) => {
    const field = (whole: Buffer): Buffer => whole.subarray(offset, offset + bytes);
    const text = formatInterval(number, field(key), field(keyEnd));
    offset += padded(bytes);
    return text;
  });
  return texts.join(" . ");
}
