import { addressFromNumber, addressToNumber, type Family, familyOf } from "../../../net/address.ts";
import { addressBits, type Cidr, cidrFromCanonical } from "../../../net/cidr.ts";
import type { Network } from "../model.ts";

/** Addresses of one family from the first to the last, as numbers. */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

export function spanOf({ family, base, prefixLength }: Cidr): Span {
  const first = addressToNumber(base);
  return { first, last: first | ((1n << BigInt(addressBits(family) - prefixLength)) - 1n) };
}

/** The fewest spans that hold the same addresses, in order: what overlaps or touches is one. */
export function mergeSpans(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const before = merged.at(-1);
    if (before === undefined || span.first > before.last + 1n) merged.push(span);
    else if (span.last > before.last) merged[merged.length - 1] = { first: before.first, last: span.last };
  }
  return merged;
}

/** What is left of merged spans without the addresses of other merged ones. */
function subtractSpans(spans: readonly Span[], holes: readonly Span[]): readonly Span[] {
  if (holes.length === 0) return spans;
  let next = 0;
  return spans.flatMap((span) => {
    const rest: Span[] = [];
    let { first } = span;
    while ((holes[next]?.last ?? first) < first) next++;
    for (let index = next; index < holes.length; index++) {
      const hole = holes[index];
      if (hole === undefined || hole.first > span.last) break;
      if (hole.first > first) rest.push({ first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    return first <= span.last ? [...rest, { first, last: span.last }] : rest;
  });
}

/** Addresses of a family in any of the networks: `except` narrows its own block only. */
export function spansOfNetworks(networks: readonly Network[], family: Family): readonly Span[] {
  const ofFamily = (cidrs: readonly Cidr[]): readonly Span[] =>
    mergeSpans(cidrs.filter((cidr) => cidr.family === family).map(spanOf));
  return mergeSpans(
    networks.flatMap(({ cidr, except }) => subtractSpans(ofFamily([cidr]), ofFamily(except))),
  );
}

/** Whether a canonical address of the family is in one of the merged spans. */
export function spansHold(spans: readonly Span[], address: string): boolean {
  const value = addressToNumber(address);
  let [low, high] = [0, spans.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const { first, last } = spans[middle] ?? { first: 0n, last: 0n };
    if (value < first) high = middle - 1;
    else if (value > last) low = middle + 1;
    else return true;
  }
  return false;
}

/** An address, a prefix where it is one, else `FIRST-LAST`: as intervals are read back from the kernel. */
export function formatSpan({ first, last }: Span, family: Family): string {
  const base = addressFromNumber(family, first);
  if (first === last) return base;
  const hostBits = first ^ last;
  const isPrefix = (hostBits & (hostBits + 1n)) === 0n && (first & hostBits) === 0n;
  if (!isPrefix) return `${base}-${addressFromNumber(family, last)}`;
  return `${base}/${addressBits(family) - hostBits.toString(2).length}`;
}

/** Inverse of {@link formatSpan}. */
export function parseSpan(text: string): Span {
  const [base = "", end] = text.split("-");
  if (end !== undefined) return { first: addressToNumber(base), last: addressToNumber(end) };
  return text.includes("/")
    ? spanOf(cidrFromCanonical(text))
    : spanOf(cidrFromCanonical(`${text}/${addressBits(familyOf(text))}`));
}
