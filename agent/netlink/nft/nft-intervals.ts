import type { KernelElement } from "./nft-listed-elements.ts";
import { formatFields, formatType } from "./nft-values.ts";

/** An interval of keys, in words, with the element that opens it. */
export interface Interval {
  readonly text: string;
  readonly element: KernelElement;
}

/**
 * Joins the elements that open and close the intervals of a set, in whatever order they are listed. The
 * kernel closes one of them where the next one begins, and never what reaches to the last key.
 */
export function joinIntervals(keyType: number, elements: readonly KernelElement[]): readonly Interval[] {
  const sorted = elements
    .flatMap((element) => (element.key === undefined ? [] : [{ ...element, key: element.key }]))
    .toSorted((a, b) => Buffer.compare(a.key, b.key) || Number(b.isEnd) - Number(a.isEnd));
  const intervals: Interval[] = [];
  let open: (typeof sorted)[number] | undefined;
  for (const element of sorted) {
    if (open !== undefined)
      intervals.push({ text: formatInterval(keyType, open.key, before(element.key)), element: open });
    open = element.isEnd ? undefined : element;
  }
  if (open !== undefined) {
    const last = Buffer.alloc(open.key.length, 0xff);
    intervals.push({ text: formatInterval(keyType, open.key, last), element: open });
  }
  return intervals;
}

/** An address or a prefix where it is one, else `FIRST-LAST`. */
export function formatInterval(keyType: number, first: Buffer, last: Buffer): string {
  if (first.equals(last)) return formatFields(keyType, first);
  const length = /^ipv[46]_addr$/.test(formatType(keyType)) ? prefixLength(first, last) : undefined;
  const end = length === undefined ? `-${formatFields(keyType, last)}` : `/${length}`;
  return `${formatFields(keyType, first)}${end}`;
}

/** Length of the prefix that begins and ends with these; undefined when there is none. */
function prefixLength(first: Buffer, last: Buffer): number | undefined {
  let index = 0;
  while (index < first.length && first[index] === last[index]) index += 1;
  const [low, high] = [first[index] ?? 0, last[index] ?? 0];
  const hostBits = low ^ high;
  const isPrefix =
    (hostBits & (hostBits + 1)) === 0 &&
    (low & hostBits) === 0 &&
    isFilled(first, index + 1, 0) &&
    isFilled(last, index + 1, 0xff);
  return isPrefix ? 8 * index + Math.clz32(hostBits) - 24 : undefined;
}

function isFilled(bytes: Buffer, start: number, value: number): boolean {
  for (let index = start; index < bytes.length; index++) if (bytes[index] !== value) return false;
  return true;
}

/** The key before this one, which is not the first. */
function before(key: Buffer): Buffer {
  const copy = Buffer.from(key);
  for (let index = copy.length - 1; index >= 0; index--) {
    const byte = copy[index] ?? 0;
    copy[index] = (byte - 1) & 0xff;
    if (byte > 0) break;
  }
  return copy;
}
